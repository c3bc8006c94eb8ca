// Parses BufferOptions::keyspace_shards, which says which shards buffer.
#ifndef FAILOVER_SRC_SHARD_KEYSPACE_SHARDS_H_
#define FAILOVER_SRC_SHARD_KEYSPACE_SHARDS_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer_options.h"

namespace failover::internal {

// What a shard does with its requests.
enum class Mode : std::uint8_t { kEnabled, kDryRun, kDisabled };

// The parsed list. Immutable, so thread-safe.
class KeyspaceShards {
 public:
  // The error is kInvalidArgument and names the item that is wrong.
  static absl::StatusOr<KeyspaceShards> Parse(std::string_view list);

  bool empty() const { return keyspaces_.empty() && shards_.empty(); }

  // A listed shard buffers, even if dry_run is on. The names have at most kMaxNameLength bytes
  // each. Allocates nothing, so that a change of the options cannot fail half-way.
  Mode ModeOf(const BufferOptions& options, std::string_view keyspace,
              std::string_view shard) const noexcept;

 private:
  absl::Status AddItem(std::string_view item);
  absl::Status CheckOverlaps() const;
  bool Lists(std::string_view keyspace, std::string_view shard) const noexcept;

  // A std::set, because an insertion that finds no memory must change nothing. The
  // absl::flat_hash_set of some distributions does not promise that.
  using Names = std::set<std::string, std::less<>>;

  Names keyspaces_;
  Names shards_;  // as "keyspace/shard"
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_KEYSPACE_SHARDS_H_
