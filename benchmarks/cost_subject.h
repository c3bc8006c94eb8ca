// The Buffer that failover_cost_probe measures.
#ifndef FAILOVER_BENCHMARKS_COST_SUBJECT_H_
#define FAILOVER_BENCHMARKS_COST_SUBJECT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cost_counters.h"
#include "failover/buffer.h"
#include "failover/inbox.h"
#include "failover/request_context.h"
#include "harness.h"

namespace failover::benchmarks {

// A Buffer with one shard whose requests are measured.
class Subject {
 public:
  explicit Subject(std::size_t size, std::size_t known_shards = 1,
                   const std::string& keyspace_shards = "")
      : Subject(WithKeyspaceShards(size, keyspace_shards), known_shards) {}
  explicit Subject(BufferOptions options, std::size_t known_shards = 1)
      : names_(MakeNames(known_shards)) {
    if (options.clock == nullptr) options.clock = &clock_;
    options.wakeup = CountWakeup;
    buffer_ = MakeBuffer(options);
    for (const ShardName& name : names_) buffer_->StatsUpdate(ServingPrimary(name, 1));
    shard_ = buffer_->GetShard(name().keyspace, name().shard);
  }

  Buffer& buffer() { return *buffer_; }
  ShardHandle shard() const { return shard_; }
  const ShardName& name() const { return names_[0]; }
  const std::vector<ShardName>& names() const { return names_; }

  void StartFailover() {
    Require(buffer_->StartBuffering(shard_, "cost"), "a failover did not start");
  }
  void EndFailover() { buffer_->StatsUpdate(ServingPrimary(name(), 2)); }

  // Holds one request. `last` is how its attempt ended: an absl::Status or an Attempt.
  template <typename Last>
  BufferedRequest Hold(const Last& last, std::size_t number) {
    RequestContext context;
    context.inbox = inbox_;
    absl::StatusOr<BufferedRequest> held =
        buffer_->WaitForFailoverEndAsync(context, shard_, last, returns_.Callback(number));
    Require(held.ok() && *held, "a request was not held");
    return *std::move(held);
  }
  std::vector<BufferedRequest> HoldMany(std::size_t count) {
    std::vector<BufferedRequest> held(count);
    for (std::size_t i = 0; i < count; ++i) held[i] = Hold(absl::OkStatus(), i);
    return held;
  }

  void PollUntilReturned(std::size_t count) {
    while (returns_.released() + returns_.failed() < count) {
      buffer_->Poll();
      if (inbox_ != nullptr) inbox_->Poll();
    }
  }
  // From now on requests are held with `inbox`, which the calling thread polls.
  void Use(Inbox* inbox) { inbox_ = inbox; }
  Returns& returns() { return returns_; }

 private:
  static BufferOptions WithKeyspaceShards(std::size_t size, const std::string& keyspace_shards) {
    BufferOptions options = HoldingOptions(size, Threading::kManual);
    options.keyspace_shards = keyspace_shards;
    return options;
  }

  const std::vector<ShardName> names_;
  CountingClock clock_;
  Returns returns_;
  std::unique_ptr<Buffer> buffer_;
  ShardHandle shard_;
  Inbox* inbox_ = nullptr;
};

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_COST_SUBJECT_H_
