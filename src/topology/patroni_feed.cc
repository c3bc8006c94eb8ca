#include "failover/topology/patroni_feed.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/thread_without_signals.h"
#include "topology/etcd_watcher.h"
#include "topology/http_client.h"
#include "topology/watched_cluster.h"

namespace failover::topology {
namespace {

using failover::internal::Logger;
using failover::internal::MutexLock;
using internal::EtcdWatcher;
using internal::HttpClient;
using internal::WatchedCluster;
using SteadyClock = std::chrono::steady_clock;

// The feed that the current thread belongs to; nullptr on all other threads.
thread_local const void* feed_of_this_thread = nullptr;

std::chrono::milliseconds Until(SteadyClock::time_point due) {
  // Even a feed without anything to do looks once an hour.
  constexpr std::chrono::milliseconds kMost = std::chrono::hours(1);
  const auto now = SteadyClock::now();
  if (due <= now) return std::chrono::milliseconds::zero();
  if (due - now >= kMost) return kMost;
  return std::chrono::ceil<std::chrono::milliseconds>(due - now);
}

}  // namespace

class PatroniFeed::Impl {
 public:
  Impl(const PatroniFeedOptions& options, std::unique_ptr<HttpClient> client);
  ~Impl() { Stop(); }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  absl::Status Start();
  void Stop();
  std::optional<PatroniState> State(std::string_view keyspace, std::string_view shard) const;

 private:
  void Run();
  SteadyClock::time_point Due() const;

  const PatroniFeedOptions options_;
  const Logger logger_;
  const std::unique_ptr<HttpClient> client_;
  std::vector<std::unique_ptr<WatchedCluster>> clusters_;
  // Belongs to the thread of the feed as soon as that runs. One for each cluster.
  std::vector<std::unique_ptr<EtcdWatcher>> watchers_;

  std::atomic<bool> stopping_{false};
  failover::internal::Mutex mutex_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

PatroniFeed::Impl::Impl(const PatroniFeedOptions& options, std::unique_ptr<HttpClient> client)
    : options_(options), logger_(options.log), client_(std::move(client)) {
  for (const PatroniShard& shard : options_.shards) {
    clusters_.push_back(std::make_unique<WatchedCluster>(options_, shard, logger_));
    WatchedCluster& cluster = *clusters_.back();
    watchers_.push_back(
        std::make_unique<EtcdWatcher>(options_.etcd, *client_, cluster.prefix(), cluster));
  }
}

absl::Status PatroniFeed::Impl::Start() {
  absl::Status too_late = absl::FailedPreconditionError("the feed was started or stopped before");
  // A Stop on another thread may hold the mutex and wait for this very thread.
  if (feed_of_this_thread == this) return too_late;
  const MutexLock lock(mutex_);
  if (started_ || stopping_) return too_late;
  try {
    // A library for TLS may write to a connection that is gone, and SIGPIPE must not end the host.
    thread_ = failover::internal::StartWithoutSignals([this] { Run(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("no thread: ", error.what()));
  }
  started_ = true;
  return absl::OkStatus();
}

void PatroniFeed::Impl::Stop() {
  stopping_ = true;
  client_->WakeUp();
  if (feed_of_this_thread == this) return;
  const MutexLock lock(mutex_);
  if (thread_.joinable()) thread_.join();
}

std::optional<PatroniState> PatroniFeed::Impl::State(std::string_view keyspace,
                                                     std::string_view shard) const {
  for (const auto& cluster : clusters_) {
    if (cluster->shard().keyspace == keyspace && cluster->shard().shard == shard) {
      return cluster->State();
    }
  }
  return std::nullopt;
}

void PatroniFeed::Impl::Run() {
  feed_of_this_thread = this;
  while (!stopping_) {
    for (std::size_t i = 0; i < clusters_.size() && !stopping_; ++i) {
      watchers_[i]->Step(SteadyClock::now());
      clusters_[i]->Step(SteadyClock::now());
    }
    if (!stopping_) client_->Wait(Until(Due()));
  }
  watchers_.clear();
  for (const auto& cluster : clusters_) cluster->End();
}

SteadyClock::time_point PatroniFeed::Impl::Due() const {
  auto due = SteadyClock::time_point::max();
  for (const auto& watcher : watchers_) due = std::min(due, watcher->due());
  for (const auto& cluster : clusters_) due = std::min(due, cluster->due());
  return due;
}

absl::StatusOr<std::unique_ptr<PatroniFeed>> PatroniFeed::Create(
    const PatroniFeedOptions& options) {
  const absl::Status status = options.Validate();
  if (!status.ok()) return status;
  std::unique_ptr<HttpClient> client = HttpClient::Create(options.etcd.tls);
  if (client == nullptr) return absl::ResourceExhaustedError("libcurl cannot be set up");
  return std::unique_ptr<PatroniFeed>(
      new PatroniFeed(std::make_unique<Impl>(options, std::move(client))));
}

PatroniFeed::PatroniFeed(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PatroniFeed::~PatroniFeed() = default;

absl::Status PatroniFeed::Start() { return impl_->Start(); }

void PatroniFeed::Stop() { impl_->Stop(); }

std::optional<PatroniState> PatroniFeed::State(std::string_view keyspace,
                                               std::string_view shard) const {
  return impl_->State(keyspace, shard);
}

}  // namespace failover::topology
