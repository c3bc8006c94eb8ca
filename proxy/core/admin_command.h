// The commands of the admin interface, as text. No I/O.
#ifndef FAILOVER_PROXY_CORE_ADMIN_COMMAND_H_
#define FAILOVER_PROXY_CORE_ADMIN_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/switchover_options.h"

namespace proxy {

// A line has at most so many bytes, its end included.
inline constexpr std::size_t kMaxAdminLine = 512;

enum class AdminVerb : std::uint8_t {
  kStatus,       // status
  kBegin,        // switchover begin [shard] [--grace 3s] [--overdue abort|proceed]
  kWaitQuiet,    // wait-quiet [timeout]
  kWaitPrimary,  // wait-primary [timeout]
  kCommit,       // commit
  kAbort,        // abort
  kHelp,         // help
};

struct AdminCommand {
  AdminVerb verb = AdminVerb::kStatus;
  // kBegin uses the shard. An empty text means the only shard.
  std::string shard = {};
  failover::SwitchoverOptions options = {};
  // kWaitQuiet and kWaitPrimary use the timeout.
  absl::Duration timeout = absl::InfiniteDuration();
};

// Reads a line without its end. Any bytes are allowed. kInvalidArgument says what is wrong, in
// printable characters only.
absl::StatusOr<AdminCommand> ParseAdminCommand(std::string_view line);

// What `help` answers: a line for each command.
std::string_view AdminHelp();

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_ADMIN_COMMAND_H_
