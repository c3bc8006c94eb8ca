#include "proxy/core/admissions.h"

#include <asio/post.hpp>
#include <cstddef>
#include <iterator>

namespace proxy {

struct Admission::Place {
  Place(Admissions& its_owner, const Executor& its_loop) : owner(its_owner), loop(its_loop) {}

  Admissions& owner;
  const Executor loop;

  // These two are used on the client's event loop only.
  std::function<void()> evict;
  bool evicted = false;

  // The mutex of `owner` guards the rest.
  bool waiting = true;  // The place is in waiting_, and `position` says where.
  Admissions::Places::iterator position;
  bool logged_in = false;
  std::string user;
};

Admission& Admission::operator=(Admission&& other) noexcept {
  if (this != &other) {
    Leave();
    place_ = std::move(other.place_);
  }
  return *this;
}

void Admission::OnEviction(std::function<void()> evict) {
  if (place_ == nullptr) return;
  if (place_->evicted) {
    evict();
  } else {
    place_->evict = std::move(evict);
  }
}

LoginAnswer Admission::LogIn(const std::string& user) {
  if (place_ == nullptr) return LoginAnswer::kEvicted;
  const LoginAnswer answer = place_->owner.LogIn(*place_, user);
  if (answer == LoginAnswer::kWelcome) place_->evict = nullptr;
  return answer;
}

LoginAnswer Admission::ChangeUser(const std::string& user) {
  if (place_ == nullptr) return LoginAnswer::kEvicted;
  return place_->owner.ChangeUser(*place_, user);
}

void Admission::Leave() {
  if (place_ == nullptr) return;
  place_->evict = nullptr;
  place_->owner.Leave(*place_);
  place_.reset();
}

bool Admissions::IsFull() const {
  const MutexLock lock(mutex_);
  return sessions_ >= limits_.sessions;
}

int Admissions::logins() const {
  const MutexLock lock(mutex_);
  return static_cast<int>(waiting_.size());
}

std::uint64_t Admissions::evictions() const {
  const MutexLock lock(mutex_);
  return evictions_;
}

Admission Admissions::Enter(const Executor& loop) {
  auto place = std::make_shared<Admission::Place>(*this, loop);
  std::shared_ptr<Admission::Place> oldest;
  {
    const MutexLock lock(mutex_);
    waiting_.push_back(place);
    place->position = std::prev(waiting_.end());
    if (waiting_.size() > static_cast<std::size_t>(limits_.logins)) oldest = TakeOldest();
  }
  Evict(oldest);
  return Admission(std::move(place));
}

void Admissions::EvictOldest() {
  std::shared_ptr<Admission::Place> oldest;
  {
    const MutexLock lock(mutex_);
    oldest = TakeOldest();
  }
  Evict(oldest);
}

std::shared_ptr<Admission::Place> Admissions::TakeOldest() {
  if (waiting_.empty()) return nullptr;
  std::shared_ptr<Admission::Place> oldest = std::move(waiting_.front());
  waiting_.pop_front();
  oldest->waiting = false;
  ++evictions_;
  return oldest;
}

void Admissions::Evict(const std::shared_ptr<Admission::Place>& place) {
  if (place == nullptr) return;
  asio::post(place->loop, [place] {
    place->evicted = true;
    if (place->evict) std::exchange(place->evict, nullptr)();
  });
}

LoginAnswer Admissions::LogIn(Admission::Place& place, const std::string& user) {
  const MutexLock lock(mutex_);
  if (!place.waiting) return LoginAnswer::kEvicted;
  if (sessions_ >= limits_.sessions) return LoginAnswer::kTooMany;
  if (!HasRoomFor(user)) return LoginAnswer::kTooManyOfUser;
  waiting_.erase(place.position);
  place.waiting = false;
  place.logged_in = true;
  place.user = user;
  ++sessions_of_user_[user];
  ++sessions_;
  return LoginAnswer::kWelcome;
}

LoginAnswer Admissions::ChangeUser(Admission::Place& place, const std::string& user) {
  const MutexLock lock(mutex_);
  if (!place.logged_in) return LoginAnswer::kEvicted;
  if (place.user == user) return LoginAnswer::kWelcome;
  if (!HasRoomFor(user)) return LoginAnswer::kTooManyOfUser;
  ForgetSessionOf(place.user);
  place.user = user;
  ++sessions_of_user_[user];
  return LoginAnswer::kWelcome;
}

bool Admissions::HasRoomFor(const std::string& user) const {
  if (limits_.sessions_of_user == 0) return true;
  const auto of_user = sessions_of_user_.find(user);
  return of_user == sessions_of_user_.end() || of_user->second < limits_.sessions_of_user;
}

void Admissions::ForgetSessionOf(const std::string& user) {
  const auto of_user = sessions_of_user_.find(user);
  if (--of_user->second == 0) sessions_of_user_.erase(of_user);
}

void Admissions::Leave(Admission::Place& place) {
  const MutexLock lock(mutex_);
  if (place.waiting) {
    waiting_.erase(place.position);
    place.waiting = false;
  }
  if (!place.logged_in) return;
  place.logged_in = false;
  --sessions_;
  ForgetSessionOf(place.user);
}

}  // namespace proxy
