// The Router is a small query router for one shard. It knows the primary, and it holds requests in
// a Buffer.
#ifndef FAILOVER_DEMO_ROUTER_H_
#define FAILOVER_DEMO_ROUTER_H_

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cluster.h"
#include "connections.h"
#include "database.h"
#include "failover/buffer.h"

namespace failover_demo {

inline constexpr char kKeyspace[] = "demo";
inline constexpr char kShard[] = "0";

// A Router is thread-safe. It listens to the reports of the servers' health.
class Router final : public failover::HealthCheckStatsListener {
 public:
  // The caller owns `cluster` and `buffer`, which must outlive the router.
  Router(Cluster& cluster, failover::Buffer& buffer)
      : cluster_(cluster), buffer_(buffer), shard_(buffer.GetShard(kKeyspace, kShard)) {}

  int primary() const { return primary_.load(std::memory_order_acquire); }
  // Takes in a report: new attempts go to the server that serves as the primary. Then gives the
  // report to the Buffer.
  void StatsUpdate(const failover::TabletStats& stats) override;
  // Waits until `server` is the primary, and returns the time at which it became the primary.
  // Returns nullopt if that takes longer than `timeout`.
  std::optional<absl::Time> AwaitPrimary(int server, absl::Duration timeout);

 private:
  friend class Session;

  void SetPrimary(int server);

  Cluster& cluster_;
  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  std::atomic<int> primary_{0};

  std::mutex mutex_;
  std::condition_variable primary_changed_;
  absl::Time primary_since_ = absl::InfinitePast();  // mutex_ guards this member.
};

// A Session is one client's way to the database. Only one thread may use it.
class Session {
 public:
  explicit Session(Router& router) : router_(router), connections_(router.cluster_) {}

  absl::Status Insert(RowId row);
  absl::StatusOr<bool> Exists(RowId row);

  // Returns when the last attempt of the last statement was sent.
  absl::Time last_attempt() const { return last_attempt_; }

 private:
  // Runs `statement` on the primary, and runs it again if a failover makes that necessary. A
  // statement is a function that takes a Connection&.
  template <typename Statement>
  std::invoke_result_t<Statement, Connection&> Run(const Statement& statement);
  template <typename Statement>
  std::invoke_result_t<Statement, Connection&> RunOnce(const Statement& statement);

  Router& router_;
  Connections connections_;
  absl::Time last_attempt_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_ROUTER_H_
