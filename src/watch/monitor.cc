#include "failover/watch/monitor.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/mutex.h"
#include "failover/clock.h"
#include "failover/transition.h"
#include "watch/check_requests.h"
#include "watch/pace.h"
#include "watch/primary_tracker.h"
#include "watch/wake_up.h"

namespace failover::watch {
namespace {

using failover::internal::Logger;
using failover::internal::MutexLock;
using internal::CheckRequests;
using internal::Findings;
using internal::LogLine;
using internal::Pace;
using internal::PrimaryTracker;
using internal::WakeUp;
using SteadyClock = std::chrono::steady_clock;

// The monitor that the current thread belongs to; nullptr on all other threads.
thread_local const void* monitor_of_this_thread = nullptr;

struct Shard {
  explicit Shard(PrimaryTracker its_tracker) : tracker(std::move(its_tracker)) {}

  // Guards what Monitor::Servers reads.
  mutable failover::internal::Mutex mutex;
  PrimaryTracker tracker ABSL_GUARDED_BY(mutex);
  // When the shard began to hold requests for the last time.
  SteadyClock::time_point held_since;
};

struct Server {
  Server(std::size_t its_shard, std::size_t its_index, std::unique_ptr<ServerProbe> its_probe)
      : shard(its_shard), index(its_index), probe(std::move(its_probe)) {}

  const std::size_t shard;
  const std::size_t index;  // within the shard
  const std::unique_ptr<ServerProbe> probe;
  // When the next check is due. While a check is under way, a value in the past means that the next
  // check begins as soon as this one has ended.
  SteadyClock::time_point due;
  // What the last check that ended has found.
  Seen seen = Seen::kUnknown;
  // When the check that is under way began, and when it expires.
  SteadyClock::time_point began;
  SteadyClock::time_point deadline;
  // The position of the probe's file descriptor in the list for poll(2). 0: the list does not hold
  // a descriptor of this probe.
  std::size_t event = 0;
};

PrimaryTracker TrackerOf(const std::string& monitor, const WatchedShard& shard) {
  std::vector<PrimaryTracker::Name> names;
  for (const WatchedServer& server : shard.servers) {
    names.push_back({server.alias, server.address});
  }
  return {monitor, shard.keyspace, shard.shard, std::move(names)};
}

CheckRequests::Names NamesOf(const std::vector<WatchedShard>& shards) {
  CheckRequests::Names names;
  for (const WatchedShard& shard : shards) names.emplace_back(shard.keyspace, shard.shard);
  return names;
}

// The time until `time` for poll(2). The value is rounded up: a thread that wakes too early has to
// wait once more.
int MillisecondsUntil(SteadyClock::time_point time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - SteadyClock::now());
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

}  // namespace

class Monitor::Impl {
 public:
  Impl(const MonitorOptions& options, HealthCheckStatsListener* listener,
       std::shared_ptr<WakeUp> wake_up);
  ~Impl() { Stop(); }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // Makes the probes. Must be called once, before Start.
  absl::Status MakeProbes(const MonitorOptions& options);
  absl::Status Start();
  void Stop();
  CheckRequests& requests() { return *requests_; }
  std::vector<ServerView> Servers() const;

 private:
  void Run();
  void TakeRequests();
  void BeginDueChecks();
  void WaitForEvents();
  void HandleEvents();
  void EndCheck(Server& server);
  Findings FindingsOf(const Server& server);
  // Checks the servers of a shard as soon as their least pauses are over, except for `but`.
  void CheckSoon(std::size_t shard, const Server* but);
  void Tell(const Findings& findings);
  SteadyClock::duration PauseOf(const Server& server);
  // When the next check may begin that somebody asks for.
  SteadyClock::time_point EarliestFor(const Server& server) const;

  Clock& clock_;
  const SteadyClock::duration timeout_;
  const Logger logger_;
  HealthCheckStatsListener* const listener_;
  const std::shared_ptr<WakeUp> wake_up_;
  // A hook shares the ownership for the time of a call.
  const std::shared_ptr<CheckRequests> requests_;

  // These belong to the monitor's thread as soon as that thread runs, but for what the mutex of a
  // Shard guards. The list of shards itself never changes.
  Pace pace_;
  std::deque<Shard> shards_;  // a Shard cannot be moved
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<pollfd> events_;

  std::atomic<bool> stopping_{false};
  failover::internal::Mutex mutex_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

Monitor::Impl::Impl(const MonitorOptions& options, HealthCheckStatsListener* listener,
                    std::shared_ptr<WakeUp> wake_up)
    : clock_(options.clock != nullptr ? *options.clock : Clock::Steady()),
      timeout_(absl::ToChronoNanoseconds(options.timeout)),
      logger_(options.log),
      listener_(listener),
      wake_up_(std::move(wake_up)),
      requests_(std::make_shared<CheckRequests>(NamesOf(options.shards), wake_up_)),
      pace_(options, std::random_device{}()) {
  for (const WatchedShard& shard : options.shards) {
    shards_.emplace_back(TrackerOf(options.name, shard));
  }
  if (options.hook) options.hook->Attach(requests_);
}

absl::Status Monitor::Impl::MakeProbes(const MonitorOptions& options) {
  // A probe may call this when the monitor is gone, so the function shares the ownership.
  const std::function<void()> wake_up = [wake = wake_up_] { wake->Signal(); };
  for (std::size_t i = 0; i < options.shards.size(); ++i) {
    const WatchedShard& shard = options.shards[i];
    for (std::size_t j = 0; j < shard.servers.size(); ++j) {
      std::unique_ptr<ServerProbe> probe = shard.servers[j].make_probe(wake_up);
      if (probe == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat("shards[", i, "].servers[", j, "].make_probe gave no probe"));
      }
      servers_.push_back(std::make_unique<Server>(i, j, std::move(probe)));
    }
  }
  return absl::OkStatus();
}

absl::Status Monitor::Impl::Start() {
  const MutexLock lock(mutex_);
  if (started_ || stopping_) {
    return absl::FailedPreconditionError("the monitor was started or stopped before");
  }
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("no thread: ", error.what()));
  }
  started_ = true;
  return absl::OkStatus();
}

void Monitor::Impl::Stop() {
  stopping_ = true;
  wake_up_->Signal();
  if (monitor_of_this_thread == this) return;
  const MutexLock lock(mutex_);
  if (thread_.joinable()) thread_.join();
}

void Monitor::Impl::Run() {
  monitor_of_this_thread = this;
  for (const auto& server : servers_) server->due = SteadyClock::now();
  while (!stopping_) {
    TakeRequests();
    BeginDueChecks();
    WaitForEvents();
    HandleEvents();
  }
  servers_.clear();
}

void Monitor::Impl::TakeRequests() {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const bool hold_began = requests_->TakeHoldBegan(i);
    if (hold_began) shards_[i].held_since = SteadyClock::now();
    if (requests_->TakeCheckNow(i) || hold_began) CheckSoon(i, nullptr);
  }
}

void Monitor::Impl::BeginDueChecks() {
  for (const auto& server : servers_) {
    const auto now = SteadyClock::now();
    if (server->probe->busy() || server->due > now) continue;
    const absl::Time stamp = clock_.Now();
    {
      Shard& shard = shards_[server->shard];
      const MutexLock lock(shard.mutex);
      shard.tracker.CheckStarted(server->index, stamp);
    }
    server->began = now;
    server->deadline = now + timeout_;
    // EndCheck sets the time of the next check, unless CheckSoon sets an earlier one before.
    server->due = SteadyClock::time_point::max();
    server->probe->Begin();
    if (!server->probe->busy()) EndCheck(*server);
  }
}

void Monitor::Impl::WaitForEvents() {
  events_.assign(1, {wake_up_->fd(), POLLIN, 0});
  auto next = SteadyClock::time_point::max();
  for (const auto& server : servers_) {
    server->event = 0;
    next = std::min(next, server->probe->busy() ? server->deadline : server->due);
    const pollfd event = server->probe->event();
    if (event.fd < 0) continue;
    server->event = events_.size();
    events_.push_back(event);
  }
  // A signal may end the call early. No event is set then.
  static_cast<void>(poll(events_.data(), events_.size(), MillisecondsUntil(next)));
}

void Monitor::Impl::HandleEvents() {
  if (events_[0].revents != 0) wake_up_->Clear();
  for (const auto& server : servers_) {
    if (!server->probe->busy()) continue;
    const int revents = server->event == 0 ? 0 : events_[server->event].revents;
    server->probe->Continue(revents);
    // A server that has sent something does not hang, even if this thread comes too late to read it
    // because it was busy with the listener.
    if (server->probe->busy() && revents == 0 && SteadyClock::now() >= server->deadline) {
      server->probe->Expire();
    }
    if (!server->probe->busy()) EndCheck(*server);
  }
}

void Monitor::Impl::EndCheck(Server& server) {
  server.seen = server.probe->observation().seen;
  const auto asked_for = std::max(server.due, EarliestFor(server));
  server.due = std::min(asked_for, server.began + PauseOf(server));
  const Findings findings = FindingsOf(server);
  if (findings.check_others) CheckSoon(server.shard, &server);
  Tell(findings);
}

Findings Monitor::Impl::FindingsOf(const Server& server) {
  Shard& shard = shards_[server.shard];
  const MutexLock lock(shard.mutex);
  return shard.tracker.CheckEnded(server.index, server.probe->observation(), absl::Now());
}

std::vector<ServerView> Monitor::Impl::Servers() const {
  std::vector<ServerView> all;
  for (const Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    std::vector<ServerView> views = shard.tracker.Views();
    std::move(views.begin(), views.end(), std::back_inserter(all));
  }
  return all;
}

void Monitor::Impl::CheckSoon(std::size_t shard, const Server* but) {
  for (const auto& server : servers_) {
    if (server->shard != shard || server.get() == but) continue;
    server->due = std::min(server->due, std::max(SteadyClock::now(), EarliestFor(*server)));
  }
}

// The lines come first, because the listener logs what follows from the reports.
void Monitor::Impl::Tell(const Findings& findings) {
  for (const LogLine& line : findings.log) logger_.Log(line.level, line.text);
  for (const TabletStats& stats : findings.reports) {
    if (stopping_) return;
    listener_->StatsUpdate(stats);
  }
}

SteadyClock::duration Monitor::Impl::PauseOf(const Server& server) {
  std::optional<absl::Duration> held_for;
  if (requests_->holding(server.shard)) {
    held_for = absl::FromChrono(SteadyClock::now() - shards_[server.shard].held_since);
  }
  return absl::ToChronoNanoseconds(pace_.PauseAfter(server.seen, held_for));
}

SteadyClock::time_point Monitor::Impl::EarliestFor(const Server& server) const {
  return server.began + absl::ToChronoNanoseconds(pace_.LeastPauseAfter(server.seen));
}

absl::StatusOr<std::unique_ptr<Monitor>> Monitor::Create(const MonitorOptions& options,
                                                         HealthCheckStatsListener* listener) {
  absl::Status status = options.Validate();
  if (!status.ok()) return status;
  if (listener == nullptr) return absl::InvalidArgumentError("listener must not be null");
  std::shared_ptr<WakeUp> wake_up = WakeUp::Create();
  if (wake_up == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("no event file descriptor, errno ", errno));
  }
  auto impl = std::make_unique<Impl>(options, listener, std::move(wake_up));
  status = impl->MakeProbes(options);
  if (!status.ok()) return status;
  return std::unique_ptr<Monitor>(new Monitor(std::move(impl)));
}

Monitor::Monitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Monitor::~Monitor() = default;

absl::Status Monitor::Start() { return impl_->Start(); }

void Monitor::Stop() { impl_->Stop(); }

bool Monitor::CheckNow(std::string_view keyspace, std::string_view shard) {
  return impl_->requests().CheckNow(keyspace, shard);
}

std::vector<ServerView> Monitor::Servers() const { return impl_->Servers(); }

void Monitor::OnTransition(const Transition& transition) {
  const bool holds = transition.to == State::kBuffering;
  impl_->requests().SetHolding(transition.keyspace, transition.shard_name, holds);
}

}  // namespace failover::watch
