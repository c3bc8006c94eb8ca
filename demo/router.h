// A small query router for one shard: it knows the primary and holds requests in a Buffer.
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

// Thread-safe.
class Router {
 public:
  // Neither is owned.
  Router(Cluster& cluster, failover::Buffer& buffer)
      : cluster_(cluster), buffer_(buffer), shard_(buffer.GetShard(kKeyspace, kShard)) {}

  int primary() const { return primary_.load(std::memory_order_acquire); }
  // New attempts go there. Called by the health check.
  void SetPrimary(int server);
  // Waits until `server` is the primary, and tells since when; nullopt if it is not in time.
  std::optional<absl::Time> AwaitPrimary(int server, absl::Duration timeout);

 private:
  friend class Session;

  Cluster& cluster_;
  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  std::atomic<int> primary_{0};

  std::mutex mutex_;
  std::condition_variable primary_changed_;
  absl::Time primary_since_ = absl::InfinitePast();  // guarded by mutex_
};

// One client's way to the database. Used by one thread.
class Session {
 public:
  explicit Session(Router& router) : router_(router), connections_(router.cluster_) {}

  absl::Status Insert(RowId row);
  absl::StatusOr<bool> Exists(RowId row);

  // When the last statement was sent for the last time.
  absl::Time last_attempt() const { return last_attempt_; }

 private:
  // Runs a statement, which takes a Connection&, on the primary: again if a failover needs it.
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
