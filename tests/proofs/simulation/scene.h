// A Scene is one shard, its servers, a health check and many clients, on a simulated clock. Every
// 10 ms the scene asks its script how the servers are, and a client makes a request.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_SCENE_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_SCENE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"

namespace failover::simulation {

// How the servers are at one moment. Only the primary can take writes.
struct Servers {
  std::uint32_t primary = 1;
  std::int64_t term = 1;
  bool takes_writes = true;
  // What the health check says of the primary.
  bool said_to_serve = true;
};

struct SceneOptions {
  BufferOptions buffer = {};
  bool has_feed = true;
  // What the router does with the end of a retry.
  bool tells = true;
  bool comes_back = true;
  // A client gives up after so many attempts that no hold was between.
  int attempts = 2;
  // An attempt takes so many ticks, and ends as the servers are then.
  int attempt_ticks = 0;
};

class Scene {
 public:
  using Script = std::function<Servers(absl::Duration since_start)>;

  Scene(SceneOptions options, Script script);
  ~Scene();

  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void Run(absl::Duration time);

  std::uint64_t requests() const { return requests_; }
  // How many clients got an error, and how many of them got it from the Buffer.
  std::uint64_t errors() const { return errors_; }
  // How many retries of held requests met a server that refuses, in all and in the worst second.
  std::uint64_t refused_retries() const { return refused_retries_; }
  std::uint64_t most_refused_retries_a_second() const { return most_a_second_; }
  // For how long the shard held requests.
  absl::Duration held() const;
  // The longest time for which a client waited for its answer, or still waits.
  absl::Duration longest_wait() const { return longest_wait_; }
  // How many attempts one client made at the most, over all its waits.
  int most_attempts() const { return most_attempts_; }
  ShardStats stats() const;

 private:
  static constexpr absl::Duration kTick = absl::Milliseconds(10);

  struct Client {
    absl::Time came;
    int attempts = 0;
    int attempts_in_all = 0;
    BufferedRequest handle;
  };
  struct UnderWay {
    absl::Time ends;
    std::uint64_t id;
    RetryDoneFunc token;
  };
  using Wait = absl::StatusOr<RetryDoneFunc>;

  void Report();
  void Arrive();
  void Attempt(std::uint64_t id, RetryDoneFunc token);
  void AttemptEnded(std::uint64_t id, RetryDoneFunc token);
  void EndAttempts();
  void NoteOldest();
  void Ask(std::uint64_t id, LastAttempt last);
  void Finish(std::uint64_t id, bool ok);
  void RunReady();

  const SceneOptions options_;
  const Script script_;
  SimulatedClock clock_;
  absl::Time start_;
  Servers servers_;
  std::map<std::uint64_t, Client> clients_;
  std::deque<std::pair<std::uint64_t, Wait>> ready_;
  std::deque<UnderWay> under_way_;
  std::uint64_t requests_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t refused_retries_ = 0;
  std::uint64_t most_a_second_ = 0;
  std::uint64_t at_last_second_ = 0;
  std::int64_t second_ = 0;
  absl::Duration longest_wait_;
  int most_attempts_ = 0;
  std::unique_ptr<Buffer> buffer_;
  ShardHandle shard_;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_SCENE_H_
