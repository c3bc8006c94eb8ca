// How fast log lines are written is up to the sink of the embedder; here none is.
#ifndef FAILOVER_BENCHMARKS_SILENCE_H_
#define FAILOVER_BENCHMARKS_SILENCE_H_

#include <memory>

#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"

namespace failover::benchmarks {

// Before the first Buffer, which makes the logger if there is none.
inline void SilenceTheLog() {
  const auto silent =
      std::make_shared<spdlog::logger>("failover", std::make_shared<spdlog::sinks::null_sink_mt>());
  silent->set_level(spdlog::level::off);
  spdlog::register_logger(silent);
}

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_SILENCE_H_
