#include "shard/keyspace_shards.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "failover/buffer_options.h"

namespace failover::internal {
namespace {

constexpr std::string_view kOption = "keyspace_shards (--buffer_keyspace_shards)";

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(Piece(kOption), ": ", Piece(what)));
}

bool IsName(std::string_view text) { return !text.empty() && text.size() <= kMaxNameLength; }

}  // namespace

absl::StatusOr<KeyspaceShards> KeyspaceShards::Parse(std::string_view list) {
  KeyspaceShards result;
  if (Trim(list).empty()) return result;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (absl::Status added = result.AddItem(Trim(list.substr(begin, end - begin))); !added.ok()) {
      return added;
    }
    begin = end + 1;
  }
  if (absl::Status overlaps = result.CheckOverlaps(); !overlaps.ok()) return overlaps;
  return result;
}

absl::Status KeyspaceShards::AddItem(std::string_view item) {
  if (item.empty()) return Bad("has an empty item");
  const std::size_t slash = item.find('/');
  const std::string_view keyspace = item.substr(0, slash);
  bool added = false;
  if (slash == std::string_view::npos) {
    if (!IsName(keyspace)) return Bad(absl::StrCat("invalid keyspace: '", Piece(item), "'"));
    added = keyspaces_.emplace(keyspace).second;
  } else {
    const std::string_view shard = item.substr(slash + 1);
    if (!IsName(keyspace) || !IsName(shard) || shard.find('/') != std::string_view::npos) {
      return Bad(absl::StrCat("invalid shard path: '", Piece(item), "'"));
    }
    added = shards_.emplace(item).second;
  }
  if (!added) return Bad(absl::StrCat("has a duplicate entry: '", Piece(item), "'"));
  return absl::OkStatus();
}

absl::Status KeyspaceShards::CheckOverlaps() const {
  for (const std::string& shard : shards_) {
    const std::string keyspace = shard.substr(0, shard.find('/'));
    if (keyspaces_.find(keyspace) != keyspaces_.end()) {
      return Bad(absl::StrCat("has overlapping entries: '", keyspace, "' and '", shard, "'"));
    }
  }
  return absl::OkStatus();
}

bool KeyspaceShards::Lists(std::string_view keyspace, std::string_view shard) const noexcept {
  if (keyspaces_.find(keyspace) != keyspaces_.end()) return true;
  std::array<char, 2 * kMaxNameLength + 1> path;
  assert(keyspace.size() + shard.size() < path.size());
  char* end = std::copy(keyspace.begin(), keyspace.end(), path.data());
  *end++ = '/';
  end = std::copy(shard.begin(), shard.end(), end);
  const std::string_view listed(path.data(), static_cast<std::size_t>(end - path.data()));
  return shards_.find(listed) != shards_.end();
}

Mode KeyspaceShards::ModeOf(const BufferOptions& options, std::string_view keyspace,
                            std::string_view shard) const noexcept {
  if (options.enabled && (empty() || Lists(keyspace, shard))) return Mode::kEnabled;
  return options.dry_run ? Mode::kDryRun : Mode::kDisabled;
}

}  // namespace failover::internal
