// The Generator makes up what happens: a world of tablets that fail over, clients, and a health
// feed that delays, drops, doubles and reorders the tablets' reports.
//
// The Generator looks at the model to choose steps that matter: who is held, who retries, when the
// next thing is due. Each step that it hands out is a plain value.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_GENERATOR_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_GENERATOR_H_

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "model.h"
#include "random.h"
#include "steps.h"

namespace failover::simulation {

Config MakeConfig(std::uint64_t seed);
Config MakeConfig(Random& random);

class Generator {
 public:
  Generator(std::uint64_t seed, const Config& config) : Generator(Random(seed), config) {}
  Generator(Random random, const Config& config);

  Step Next(const Model& model);
  // Returns whether all the random numbers are used up, and also all the steps that were made of
  // them.
  bool used_up() const { return random_.used_up() && next_.empty(); }

 private:
  // This is the real state of a shard, whatever the reports say.
  struct Shard {
    std::uint8_t primary = 1;
    bool up = true;
    bool serving = true;
    std::int64_t timestamp = 1;
  };

  void AddFlood();
  void AddStep(const Model& model);
  void AddRequest(const Model& model);
  void AddReactions(const Model& model, std::uint32_t id);
  void AddReaction(const Model& model, std::uint32_t id);
  void AddAboutRequest(const Model& model, StepKind kind);
  void AddEndRetry(const Model& model);
  void AddKeyspaceEvent(const Model& model);
  void AddAdvance(const Model& model);
  void AddByName(const Model& model, StepKind kind);
  void AddSwitchover(const Model& model, StepKind kind);
  void AddReconfigure();
  void AddNeighbour();
  Step MakeRequest(std::uint8_t name);
  Step MakeComeBack(const Model& model, std::uint32_t id);
  RetryEnd AnyRetryEnd();

  // These functions make the events of the tablets, and the reports of the feed.
  void AddWorldEvent(const Model& model);
  void Reparent(Shard& shard, std::uint8_t name, bool planned);
  void SendReport(std::uint8_t name, std::uint8_t alias, bool up, bool serving,
                  std::int64_t timestamp);
  void SendState(std::uint8_t name);
  void DeliverReport(const Model& model);

  std::uint8_t AnyName(const Model& model);
  std::uint32_t AnyOf(const std::vector<std::uint32_t>& ids);

  Random random_;
  // As the steps that were handed out so far have left it.
  Config config_;
  std::array<unsigned, kStepKinds> weights_{};
  unsigned reactions_percent_ = 0;
  std::uint32_t lost_retries_ = 0;
  bool slow_callbacks_ = false;
  unsigned may_probe_percent_ = 0;
  unsigned comes_back_percent_ = 0;
  unsigned told_percent_ = 0;
  unsigned stamped_percent_ = 0;
  // 0: a run without planned switchovers.
  unsigned work_percent_ = 0;
  absl::Time now_;
  std::array<Shard, kNames> shards_;
  std::vector<Step> feed_;  // These reports are on their way to the Buffer.
  std::deque<Step> next_;   // These steps are made up, but not handed out yet.
  std::uint32_t last_id_ = 0;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_GENERATOR_H_
