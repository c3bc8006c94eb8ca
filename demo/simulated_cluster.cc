#include "simulated_cluster.h"

#include <array>
#include <utility>

#include "absl/time/clock.h"
#include "health_check.h"
#include "simulated_server.h"

namespace failover_demo {
namespace {

// A replica needs this time to catch up with the primary.
constexpr absl::Duration kCatchUp = absl::Milliseconds(60);

class SimulatedCluster final : public Cluster {
 public:
  SimulatedCluster() { servers_[0].ReplicateTo(&servers_[1]); }

  Server& server(int index) override { return servers_.at(static_cast<std::size_t>(index)); }

  absl::StatusOr<std::unique_ptr<HealthSource>> WatchHealth(
      failover::HealthCheckStatsListener& listener) override {
    return std::make_unique<HealthCheck>(
        [this](int server) { return servers_.at(static_cast<std::size_t>(server)).IsWritable(); },
        listener);
  }

  absl::Status Switchover() override {
    primary_->StopWrites();
    absl::SleepFor(kCatchUp);
    primary_->ReplicateTo(nullptr);
    std::swap(primary_, replica_);
    primary_->ReplicateTo(replica_);
    primary_->Promote();
    return absl::OkStatus();
  }

  absl::Status CrashPrimary() override {
    primary_->Crash();
    return absl::OkStatus();
  }

  absl::Status PromoteOther() override {
    absl::SleepFor(kCatchUp);
    std::swap(primary_, replica_);
    primary_->Promote();
    return absl::OkStatus();
  }

 private:
  std::array<SimulatedServer, kServers> servers_{SimulatedServer("a", true),
                                                 SimulatedServer("b", false)};
  SimulatedServer* primary_ = &servers_[0];
  SimulatedServer* replica_ = &servers_[1];
};

}  // namespace

std::unique_ptr<Cluster> StartSimulatedCluster() { return std::make_unique<SimulatedCluster>(); }

}  // namespace failover_demo
