#include "failover/mysql/primary_monitor.h"

#include <mysql.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/mutex.h"
#include "mysql/primary_tracker.h"
#include "mysql/server_poller.h"
#include "mysql/wake_up.h"

namespace failover::mysql {
namespace {

using failover::internal::EnsureLogger;
using failover::internal::Log;
using failover::internal::MutexLock;
using internal::Findings;
using internal::LogLine;
using internal::PrimaryTracker;
using internal::Seen;
using internal::ServerPoller;
using internal::WakeUp;
using SteadyClock = std::chrono::steady_clock;

// A server that refuses the monitor is asked this many times less often: each time takes a new
// connection, and perhaps a line in the server's log.
constexpr int kRefusedSlowdown = 10;

// The monitor whose thread this is.
thread_local const void* monitor_of_this_thread = nullptr;

struct Server {
  Server(const MonitoredServer& server, std::size_t its_shard, std::size_t its_index,
         std::function<void()> lookup_ended)
      : shard(its_shard), index(its_index), poller(server, std::move(lookup_ended)) {}

  const std::size_t shard;
  const std::size_t index;  // within the shard
  ServerPoller poller;
  // Of the next poll. While one runs: not before it has ended.
  SteadyClock::time_point due;
  // Of the poll that runs.
  SteadyClock::time_point began;
  SteadyClock::time_point deadline;
  // Where its file descriptor is in the list for poll(2). 0: nowhere.
  std::size_t event = 0;
};

std::string AddressOf(const MonitoredServer& server) {
  if (!server.unix_socket.empty()) return server.unix_socket;
  return absl::StrCat(server.host, ":", server.port);
}

PrimaryTracker TrackerOf(const MonitoredShard& shard) {
  std::vector<PrimaryTracker::Name> names;
  for (const MonitoredServer& server : shard.servers) {
    names.push_back({server.alias, AddressOf(server)});
  }
  return {shard.keyspace, shard.shard, std::move(names)};
}

bool Refused(Seen seen) { return seen == Seen::kRefused || seen == Seen::kFull; }

// For poll(2), rounded up: who wakes too early has to wait once more.
int MillisecondsUntil(SteadyClock::time_point time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - SteadyClock::now());
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

// Once per process; thread-safe.
bool InitializeClientLibrary() {
  static const bool initialized = mysql_library_init(0, nullptr, nullptr) == 0;
  return initialized;
}

}  // namespace

class PrimaryMonitor::Impl {
 public:
  Impl(const PrimaryMonitorOptions& options, HealthCheckStatsListener* listener,
       std::shared_ptr<WakeUp> wake_up);
  ~Impl() { Stop(); }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  absl::Status Start();
  void Stop();

 private:
  void Run();
  void BeginDuePolls();
  void WaitForEvents();
  void HandleEvents();
  void EndPoll(Server& server);
  void PollOthers(const Server& server);
  void Tell(const Findings& findings);
  SteadyClock::duration Pause(Seen seen);

  const absl::Duration interval_;
  const SteadyClock::duration timeout_;
  HealthCheckStatsListener* const listener_;
  const std::shared_ptr<WakeUp> wake_up_;

  // These belong to the monitor's thread once it runs.
  std::vector<PrimaryTracker> trackers_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<pollfd> events_;
  std::minstd_rand random_{std::random_device{}()};
  std::uniform_real_distribution<double> spread_;

  std::atomic<bool> stopping_{false};
  failover::internal::Mutex mutex_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

PrimaryMonitor::Impl::Impl(const PrimaryMonitorOptions& options, HealthCheckStatsListener* listener,
                           std::shared_ptr<WakeUp> wake_up)
    : interval_(options.poll_interval),
      timeout_(absl::ToChronoNanoseconds(options.timeout)),
      listener_(listener),
      wake_up_(std::move(wake_up)),
      spread_(1.0 - options.jitter, 1.0 + options.jitter) {
  for (std::size_t i = 0; i < options.shards.size(); ++i) {
    const MonitoredShard& shard = options.shards[i];
    trackers_.push_back(TrackerOf(shard));
    for (std::size_t j = 0; j < shard.servers.size(); ++j) {
      // A look-up may end after the monitor is gone.
      servers_.push_back(
          std::make_unique<Server>(shard.servers[j], i, j, [wake = wake_up_] { wake->Signal(); }));
    }
  }
}

absl::Status PrimaryMonitor::Impl::Start() {
  const MutexLock lock(mutex_);
  if (started_ || stopping_) {
    return absl::FailedPreconditionError("the monitor was started or stopped before");
  }
  EnsureLogger();
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("no thread: ", error.what()));
  }
  started_ = true;
  return absl::OkStatus();
}

void PrimaryMonitor::Impl::Stop() {
  stopping_ = true;
  wake_up_->Signal();
  if (monitor_of_this_thread == this) return;
  const MutexLock lock(mutex_);
  if (thread_.joinable()) thread_.join();
}

void PrimaryMonitor::Impl::Run() {
  monitor_of_this_thread = this;
  for (const auto& server : servers_) server->due = SteadyClock::now();
  while (!stopping_) {
    BeginDuePolls();
    WaitForEvents();
    HandleEvents();
  }
  servers_.clear();
}

void PrimaryMonitor::Impl::BeginDuePolls() {
  for (const auto& server : servers_) {
    const auto now = SteadyClock::now();
    if (server->poller.busy() || server->due > now) continue;
    trackers_[server->shard].PollStarted(server->index);
    server->began = now;
    server->deadline = now + timeout_;
    // Unless it is told otherwise while it runs.
    server->due = SteadyClock::time_point::max();
    server->poller.Begin();
    if (!server->poller.busy()) EndPoll(*server);
  }
}

void PrimaryMonitor::Impl::WaitForEvents() {
  events_.assign(1, {wake_up_->fd(), POLLIN, 0});
  auto next = SteadyClock::time_point::max();
  for (const auto& server : servers_) {
    server->event = 0;
    next = std::min(next, server->poller.busy() ? server->deadline : server->due);
    const pollfd event = server->poller.event();
    if (event.fd < 0) continue;
    server->event = events_.size();
    events_.push_back(event);
  }
  // A signal may end it early. Then no event is set.
  static_cast<void>(poll(events_.data(), events_.size(), MillisecondsUntil(next)));
}

void PrimaryMonitor::Impl::HandleEvents() {
  if (events_[0].revents != 0) wake_up_->Clear();
  for (const auto& server : servers_) {
    if (!server->poller.busy()) continue;
    const int revents = server->event == 0 ? 0 : events_[server->event].revents;
    server->poller.Continue(revents);
    // Who answered while this thread was busy elsewhere does not hang.
    if (server->poller.busy() && revents == 0 && SteadyClock::now() >= server->deadline) {
      server->poller.Expire();
    }
    if (!server->poller.busy()) EndPoll(*server);
  }
}

void PrimaryMonitor::Impl::EndPoll(Server& server) {
  const internal::Observation& observation = server.poller.observation();
  server.due = std::min(server.due, server.began + Pause(observation.seen));
  const Findings findings =
      trackers_[server.shard].PollEnded(server.index, observation, absl::Now());
  if (findings.poll_others) PollOthers(server);
  Tell(findings);
}

void PrimaryMonitor::Impl::PollOthers(const Server& server) {
  for (const auto& other : servers_) {
    if (other->shard == server.shard && other.get() != &server) other->due = SteadyClock::now();
  }
}

void PrimaryMonitor::Impl::Tell(const Findings& findings) {
  for (const TabletStats& stats : findings.reports) {
    if (stopping_) return;
    listener_->StatsUpdate(stats);
  }
  for (const LogLine& line : findings.log) Log(line.level, line.text);
}

SteadyClock::duration PrimaryMonitor::Impl::Pause(Seen seen) {
  const double factor = spread_(random_) * (Refused(seen) ? kRefusedSlowdown : 1);
  return absl::ToChronoNanoseconds(interval_ * factor);
}

absl::StatusOr<std::unique_ptr<PrimaryMonitor>> PrimaryMonitor::Create(
    const PrimaryMonitorOptions& options, HealthCheckStatsListener* listener) {
  absl::Status valid = options.Validate();
  if (!valid.ok()) return valid;
  if (listener == nullptr) return absl::InvalidArgumentError("listener must not be null");
  if (!InitializeClientLibrary()) {
    return absl::InternalError("the client library of MariaDB could not be initialized");
  }
  std::shared_ptr<WakeUp> wake_up = WakeUp::Create();
  if (wake_up == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("no event file descriptor, errno ", errno));
  }
  return std::unique_ptr<PrimaryMonitor>(
      new PrimaryMonitor(std::make_unique<Impl>(options, listener, std::move(wake_up))));
}

PrimaryMonitor::PrimaryMonitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PrimaryMonitor::~PrimaryMonitor() = default;

absl::Status PrimaryMonitor::Start() { return impl_->Start(); }

void PrimaryMonitor::Stop() { impl_->Stop(); }

}  // namespace failover::mysql
