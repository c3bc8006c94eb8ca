// A buffer of the interface in C with one shard that a monitor watches, for tests with real
// servers.
#ifndef FAILOVER_TESTS_SUPPORT_C_SHARD_H_
#define FAILOVER_TESTS_SUPPORT_C_SHARD_H_

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "child_process.h"
#include "failover/c/failover.h"
#include "failover/c/monitor.h"
#include "patience.h"

namespace failover::test {

class CShard {
 public:
  CShard() {
    fo_options options = {};
    options.struct_size = sizeof(options);
    // A hold must not end by time on a busy machine.
    options.window_ms = std::chrono::milliseconds(2 * kPatience).count();
    options.max_failover_duration_ms = options.window_ms;
    options.min_time_between_failovers_ms = 2 * options.window_ms;
    options.suspicion_ms = options.window_ms;
    EXPECT_EQ(fo_buffer_create(&options, &buffer_, nullptr, 0), FO_OK) << fo_error_text();
    EXPECT_EQ(fo_shard_get(buffer_, "commerce", "0", &shard_), FO_OK) << fo_error_text();
  }
  ~CShard() {
    fo_monitor_destroy(monitor_);
    fo_buffer_destroy(buffer_);
  }
  CShard(const CShard&) = delete;
  CShard& operator=(const CShard&) = delete;

  // Watches the servers with a monitor from `create`, as a program in C does.
  template <typename Create>
  void Watch(Create create, const std::vector<fo_monitored_server>& servers,
             std::chrono::milliseconds poll_interval) {
    const fo_monitored_shard watched = {sizeof(watched), shard_, servers.data(), servers.size()};
    fo_monitor_options options = {};
    options.struct_size = sizeof(options);
    options.shards = &watched;
    options.shard_count = 1;
    options.poll_interval_ms = poll_interval.count();
    // A server that is only slow, because the machine is busy, must not look like one that hangs.
    options.timeout_ms = 3'600'000;
    std::array<char, 200> error = {};
    EXPECT_EQ(create(buffer_, &options, &monitor_, error.data(), error.size()), FO_OK)
        << error.data();
  }

  // The name of the primary; empty if no server is known to take writes.
  std::string Primary() const {
    std::array<char, 200> name = {};
    const fo_result result = fo_primary(buffer_, shard_, name.data(), name.size());
    EXPECT_TRUE(result == FO_OK || result == FO_NO_PRIMARY) << fo_error_text();
    return name.data();
  }
  bool AwaitPrimary(const std::string& name) const {
    return Await([&] { return Primary() == name; });
  }

  // Holds a request that a failover has refused. Its retry ends well.
  void Hold() {
    const auto ended = [](void* arg, fo_result result, fo_retry retry) {
      static_cast<CShard*>(arg)->ended_ = result;
      fo_retry_done(&retry, FO_ATTEMPT_SUCCEEDED);
    };
    EXPECT_EQ(fo_wait_start(buffer_, shard_, nullptr, FO_ATTEMPT_REFUSED, nullptr, nullptr, ended,
                            this, nullptr),
              FO_HELD);
  }
  bool held() const { return ended_ == FO_HELD; }
  // Waits until the request is released, and returns whether it was.
  bool AwaitRelease() const {
    return Await([this] { return !held(); }) && ended_ == FO_OK;
  }

 private:
  fo_buffer* buffer_ = nullptr;
  fo_shard shard_ = {0};
  fo_monitor* monitor_ = nullptr;
  std::atomic<fo_result> ended_{FO_HELD};
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_C_SHARD_H_
