#include "ledger.h"

#include <algorithm>

namespace failover::test {
namespace {

constexpr std::size_t kMostFailures = 10;

}  // namespace

std::shared_ptr<Trip> Ledger::BeginTrip() {
  auto trip = std::make_shared<Trip>();
  const std::lock_guard<std::mutex> lock(mutex_);
  trips_.push_back(trip);
  return trip;
}

void Ledger::Told(const absl::Status& status) {
  ++requests_;
  if (status.ok()) return;
  const std::optional<BufferErrorReason> reason = ReasonOf(status);
  if (reason.has_value()) {
    ++told_.at(static_cast<std::size_t>(*reason));
  } else {
    Fail("a request was told: " + status.ToString());
  }
}

void Ledger::Fail(std::string_view what) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool is_new = std::find(failures_.begin(), failures_.end(), what) == failures_.end();
  if (is_new && failures_.size() < kMostFailures) failures_.emplace_back(what);
}

void Ledger::ExpectEachTripEndedOnce() {
  std::vector<std::shared_ptr<Trip>> trips;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    trips = trips_;
  }
  for (const std::shared_ptr<Trip>& trip : trips) {
    Expect(trip->ends() > 0, "a request had no outcome");
    Expect(trip->ends() < 2, "a request had two outcomes");
  }
}

std::vector<std::string> Ledger::failures() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failures_;
}

}  // namespace failover::test
