// The buffer of the C interface, and the checks that its functions share.
#ifndef FAILOVER_SRC_C_BUFFER_H_
#define FAILOVER_SRC_C_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "c/process.h"
#include "c/wake_fd.h"
#include "failover/buffer.h"
#include "failover/c/failover.h"
#include "failover/export.h"
#include "failover/log.h"
#include "failover/watch/monitor_hook.h"
#include "failover/watch/primary_table.h"

struct fo_buffer : failover::c::OfOneProcess {
  struct Names {
    std::string keyspace;
    std::string shard;
  };

  // nullopt if fo_shard_get of this buffer did not return the shard.
  FAILOVER_EXPORT std::optional<Names> NamesOf(fo_shard shard) const;

  // For FO_MANUAL without a function of the program.
  std::unique_ptr<failover::c::WakeFd> wake_fd;
  std::unique_ptr<failover::Buffer> buffer;
  std::optional<failover::watch::PrimaryTable> table;

  // For monitors: what they learn of holds, and where their log lines go.
  failover::watch::MonitorHook hook;
  failover::LogFunction log;

  mutable std::mutex names_mutex;
  // By fo_shard::opaque. Guarded by names_mutex.
  std::map<std::uint64_t, Names> names;
};

namespace failover::c {

// FO_OK if struct_size is the size that the library knows.
FAILOVER_EXPORT fo_result CheckSize(std::size_t given, std::size_t known,
                                    std::string_view name) noexcept;

// FO_OK if the buffer may be used, and the shard is one of the buffer or zero.
fo_result Check(const fo_buffer* buffer, fo_shard shard) noexcept;

inline ShardHandle HandleOf(fo_shard shard) { return ShardHandle::FromOpaque(shard.opaque); }

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_BUFFER_H_
