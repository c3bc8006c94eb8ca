// Turns the library's log off. How fast a line is written depends on the sink of the embedder, so
// no benchmark writes any line.
#ifndef FAILOVER_BENCHMARKS_SILENCE_H_
#define FAILOVER_BENCHMARKS_SILENCE_H_

#include <memory>

#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"

namespace failover::benchmarks {

// To be called before the first Buffer is made, because the first Buffer makes the logger if there
// is none.
inline void SilenceTheLog() {
  const auto silent =
      std::make_shared<spdlog::logger>("failover", std::make_shared<spdlog::sinks::null_sink_mt>());
  silent->set_level(spdlog::level::off);
  spdlog::register_logger(silent);
}

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_SILENCE_H_
