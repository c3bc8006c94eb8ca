// One server of a SimulatedCluster: a table in memory.
#ifndef FAILOVER_DEMO_SIMULATED_SERVER_H_
#define FAILOVER_DEMO_SIMULATED_SERVER_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "database.h"

namespace failover_demo {

class SimulatedServer final : public Server {
 public:
  SimulatedServer(std::string name, bool writable) : name_(std::move(name)), writable_(writable) {}

  const std::string& name() const override { return name_; }
  absl::StatusOr<std::unique_ptr<Connection>> Connect() override;

  // From now on every write waits until `replica` (null: nobody) has received it.
  void ReplicateTo(SimulatedServer* replica);
  // Refuses writes, and waits for those under way.
  void StopWrites();
  // Applies all that was received, then takes writes.
  void Promote();
  // The process is gone: statements under way fall silent, connections close.
  void Crash();

 private:
  friend class SimulatedConnection;

  absl::Status Insert(RowId row);
  absl::StatusOr<bool> Exists(RowId row);
  absl::StatusOr<bool> IsWritable();
  absl::StatusOr<std::vector<RowId>> AllRows();
  bool IsUp();

  void Receive(RowId row);
  // The time that a part of a statement takes.
  static void Work();

  const std::string name_;

  std::mutex mutex_;
  std::condition_variable writes_ended_;
  // All guarded by mutex_, of which no thread holds two.
  bool up_ = true;
  bool writable_;
  int writes_under_way_ = 0;
  SimulatedServer* replica_ = nullptr;
  std::unordered_map<RowId, int> rows_;  // how often each row is in the table
  std::vector<RowId> received_;          // from the primary; not applied yet
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_SIMULATED_SERVER_H_
