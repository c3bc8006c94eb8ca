#include "simulated_server.h"

#include <random>
#include <utility>

#include "absl/time/clock.h"
#include "mysql_error.h"

namespace failover_demo {
namespace {

absl::Status FellSilent() { return StatementError(2013, "Lost connection to server during query"); }

}  // namespace

class SimulatedConnection final : public Connection {
 public:
  explicit SimulatedConnection(SimulatedServer& server) : server_(server) {}

  bool IsOpen() override { return server_.IsUp(); }
  absl::Status Insert(RowId row) override { return server_.Insert(row); }
  absl::StatusOr<bool> Exists(RowId row) override { return server_.Exists(row); }
  absl::StatusOr<std::vector<RowId>> AllRows() override { return server_.AllRows(); }

 private:
  SimulatedServer& server_;
};

absl::StatusOr<std::unique_ptr<Connection>> SimulatedServer::Connect() {
  if (!IsUp()) return ConnectError(2002, "Can't connect to server (111)");
  return std::make_unique<SimulatedConnection>(*this);
}

void SimulatedServer::ReplicateTo(SimulatedServer* replica) {
  const std::lock_guard<std::mutex> lock(mutex_);
  replica_ = replica;
}

void SimulatedServer::StopWrites() {
  std::unique_lock<std::mutex> lock(mutex_);
  writable_ = false;
  writes_ended_.wait(lock, [this] { return writes_under_way_ == 0; });
}

void SimulatedServer::Promote() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const RowId row : received_) ++rows_[row];
  received_.clear();
  writable_ = true;
}

void SimulatedServer::Crash() {
  const std::lock_guard<std::mutex> lock(mutex_);
  up_ = false;
}

absl::Status SimulatedServer::Insert(RowId row) {
  Work();
  SimulatedServer* replica = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!up_) return FellSilent();
    if (!writable_) {
      return StatementError(1290, "The server is running with the --read-only option");
    }
    ++rows_[row];
    ++writes_under_way_;
    replica = replica_;
  }
  Work();
  if (replica != nullptr && IsUp()) replica->Receive(row);
  Work();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    --writes_under_way_;
    writes_ended_.notify_all();
    return up_ ? absl::OkStatus() : FellSilent();
  }
}

absl::StatusOr<bool> SimulatedServer::Exists(RowId row) {
  Work();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!up_) return FellSilent();
  return rows_.count(row) > 0;
}

absl::StatusOr<bool> SimulatedServer::IsWritable() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!up_) return FellSilent();
  return writable_;
}

absl::StatusOr<std::vector<RowId>> SimulatedServer::AllRows() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!up_) return FellSilent();
  std::vector<RowId> all;
  for (const auto& [row, times] : rows_)
    all.insert(all.end(), static_cast<std::size_t>(times), row);
  return all;
}

bool SimulatedServer::IsUp() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return up_;
}

void SimulatedServer::Receive(RowId row) {
  const std::lock_guard<std::mutex> lock(mutex_);
  received_.push_back(row);
}

void SimulatedServer::Work() {
  thread_local std::minstd_rand random(std::random_device{}());
  absl::SleepFor(absl::Microseconds(std::uniform_int_distribution<int>(100, 500)(random)));
}

}  // namespace failover_demo
