// A SimulatedServer is one server of a simulated cluster. Its table is in memory.
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

  // From this call on, every write waits until `replica` has received it. If `replica` is null,
  // writes do not wait.
  void ReplicateTo(SimulatedServer* replica);
  // Refuses new writes, and waits for the writes under way.
  void StopWrites();
  // Applies all that was received, and then takes writes.
  void Promote();
  // Returns whether the server takes writes, or the error of a server that is down.
  absl::StatusOr<bool> IsWritable();
  // Behaves as if the process were gone: statements under way get no answer, and connections close.
  void Crash();

 private:
  friend class SimulatedConnection;

  absl::Status Insert(RowId row);
  absl::StatusOr<bool> Exists(RowId row);
  absl::StatusOr<std::vector<RowId>> AllRows();
  bool IsUp();

  void Receive(RowId row);
  // Sleeps for the time that a part of a statement takes.
  static void Work();

  const std::string name_;

  std::mutex mutex_;
  std::condition_variable writes_ended_;
  // mutex_ guards all members below. No thread ever holds the mutexes of two servers.
  bool up_ = true;
  bool writable_;
  int writes_under_way_ = 0;
  SimulatedServer* replica_ = nullptr;
  std::unordered_map<RowId, int> rows_;  // This says how often each row is in the table.
  std::vector<RowId> received_;  // These rows came from the primary and are not applied yet.
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_SIMULATED_SERVER_H_
