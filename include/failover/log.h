// Where a Buffer and a monitor write their log lines.
//
//   options.log = [](failover::LogLevel level, std::string_view line) {
//     my_log::Write(level == failover::LogLevel::kInfo ? 'I' : 'W', line);
//   };
//
// A line is one line of text without a line break at its end. It never holds query text, literals
// or passwords.
#ifndef FAILOVER_LOG_H_
#define FAILOVER_LOG_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "failover/export.h"

namespace failover {

enum class LogLevel : std::uint8_t {
  kInfo,     // what happened, for instance that a failover began or ended
  kWarning,  // somebody should look: a setting does not fit, or a server is in trouble
  kError,    // the program uses the library wrongly
};

// Returns "info", "warning" or "error".
FAILOVER_EXPORT std::string_view ToString(LogLevel level);

// Takes one line. The text is valid until the function returns.
//
// Thread-safety: any thread that calls the Buffer (for a monitor, its own thread) may call the
// function, several at the same time. It is called under no lock of the library, and the thread
// waits for it, so it should be quick. It may call the Buffer, but nothing that may wait: not
// Shutdown, not the destructor, not Poll, and no blocking wait. A call that changes a shard logs,
// so it calls the function again, inside the first call. Lifetime: it is never called after the
// destructor of its Buffer, or the monitor's Stop outside of the listener, has returned. Errors: an
// exception that leaves the function is caught and dropped, with the line.
//
// An empty function means the spdlog logger of the name "failover" if one is registered at the
// moment of the line (and if the library was built with spdlog), and otherwise stderr, with the
// time in UTC. The library never writes to stdout.
using LogFunction = std::function<void(LogLevel, std::string_view)>;

}  // namespace failover

#endif  // FAILOVER_LOG_H_
