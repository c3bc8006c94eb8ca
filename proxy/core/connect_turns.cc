#include "proxy/core/connect_turns.h"

#include <asio/post.hpp>
#include <cstdint>
#include <iterator>
#include <system_error>
#include <utility>

namespace proxy {

struct ConnectTurns::Place {
  explicit Place(const Executor& its_loop) : loop(its_loop), alarm(its_loop) {}

  const Executor loop;
  Timer alarm;  // used on the event loop only

  // The mutex of the ConnectTurns guards the rest.
  enum class State : std::uint8_t { kOutside, kWaits, kHasTurn };
  State state = State::kOutside;
  std::list<std::shared_ptr<Place>>::iterator position;  // in queue_, while the place waits
};

int ConnectTurns::waiting() const {
  const MutexLock lock(mutex_);
  return static_cast<int>(queue_.size());
}

bool ConnectTurns::Enter(const std::shared_ptr<Place>& place) {
  const MutexLock lock(mutex_);
  if (free_ > 0) {
    --free_;
    place->state = Place::State::kHasTurn;
    return true;
  }
  queue_.push_back(place);
  place->position = std::prev(queue_.end());
  place->state = Place::State::kWaits;
  return false;
}

bool ConnectTurns::EndWait(Place& place) {
  const MutexLock lock(mutex_);
  if (place.state == Place::State::kWaits) queue_.erase(place.position);
  return std::exchange(place.state, Place::State::kOutside) == Place::State::kHasTurn;
}

void ConnectTurns::GiveBack() {
  const MutexLock lock(mutex_);
  if (queue_.empty()) {
    ++free_;
    return;
  }
  std::shared_ptr<Place> next = std::move(queue_.front());
  queue_.pop_front();
  next->state = Place::State::kHasTurn;
  // The owner of the place needs the mutex before it may go, so its loop is alive. The alarm
  // belongs to that loop, so the last pointer to the place must go there, too.
  const Executor loop = next->loop;
  asio::post(loop, [next = std::move(next)] { next->alarm.cancel(); });
}

ConnectTurn::ConnectTurn(ConnectTurns* turns, const Executor& loop)
    : turns_(turns), place_(std::make_shared<ConnectTurns::Place>(loop)) {}

ConnectTurn::~ConnectTurn() {
  if (turns_ == nullptr) return;
  if (turns_->EndWait(*place_) || has_turn_) turns_->GiveBack();
}

Task<bool> ConnectTurn::Await(absl::Duration patience) {
  if (cancelled_) co_return false;
  if (turns_ == nullptr) co_return true;
  // The alarm is set first: who gives the turn may cancel the alarm at once.
  place_->alarm.expires_after(absl::ToChronoMilliseconds(patience));
  if (!turns_->Enter(place_)) {
    std::error_code error;
    co_await place_->alarm.async_wait(ErrorTo(error));
  }
  has_turn_ = turns_->EndWait(*place_);
  co_return !cancelled_;
}

void ConnectTurn::Cancel() {
  cancelled_ = true;
  place_->alarm.cancel();
}

}  // namespace proxy
