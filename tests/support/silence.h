// Turns the library's log off for a whole program.
#ifndef FAILOVER_TESTS_SUPPORT_SILENCE_H_
#define FAILOVER_TESTS_SUPPORT_SILENCE_H_

#include <memory>

#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"

namespace failover::test {

// Registers a logger "failover" that wants no line, if there is none of this name. A Buffer then
// makes no log lines. It only looks up the logger and checks the level. One thread at a time may
// call this.
inline void SilenceTheLog() {
  if (spdlog::get("failover") != nullptr) return;
  const auto silent =
      std::make_shared<spdlog::logger>("failover", std::make_shared<spdlog::sinks::null_sink_mt>());
  silent->set_level(spdlog::level::off);
  spdlog::register_logger(silent);
}

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_SILENCE_H_
