// How many clients a proxy lets in: those that are still to log in, and those that have.
#ifndef FAILOVER_PROXY_CORE_ADMISSIONS_H_
#define FAILOVER_PROXY_CORE_ADMISSIONS_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/mutex.h"

namespace proxy {

struct AdmissionLimits {
  // How many clients that have not logged in the proxy keeps. At least 1.
  int logins = 1;
  // How many clients may be logged in. At least 1.
  int sessions = 1;
  // How many of these may be the same user. 0: there is no limit but `sessions`.
  int sessions_of_user = 0;
};

enum class LoginAnswer : std::uint8_t {
  kWelcome,
  kTooMany,        // `sessions` clients are logged in.
  kTooManyOfUser,  // `sessions_of_user` clients of this user are logged in.
  kEvicted,        // Another client has got the place of this client.
};

class Admissions;

// One client's place. The destructor gives the place back.
//
// The constructor may run on any thread. Everything else belongs to the client's event loop.
class Admission {
 public:
  Admission() = default;
  Admission(Admission&&) noexcept = default;
  Admission& operator=(Admission&& other) noexcept;
  ~Admission() { Leave(); }

  // Calls `evict` on the client's event loop if another client takes the place. The client must
  // then go. Nobody calls `evict` after the Admission was destroyed or the client has logged in.
  void OnEviction(std::function<void()> evict);

  // The client has proved that it is `user`. If the answer is not kWelcome, the client must go.
  LoginAnswer LogIn(const std::string& user);
  // A client that is logged in has proved that it is `user` now. If the answer is not kWelcome,
  // the client counts as the user that it was.
  LoginAnswer ChangeUser(const std::string& user);

 private:
  friend class Admissions;
  struct Place;

  explicit Admission(std::shared_ptr<Place> place) : place_(std::move(place)) {}
  void Leave();

  std::shared_ptr<Place> place_;  // nullptr: the Admission was moved away, or belongs to nobody
};

// The places of all clients of a proxy. Thread-safe. Must outlive every Admission.
//
// Those who never log in must not keep others out. So a newcomer is always let in: if the places
// for clients that have not logged in are taken, the client that has waited longest goes.
class Admissions {
 public:
  explicit Admissions(const AdmissionLimits& limits) : limits_(limits) {}

  Admissions(const Admissions&) = delete;
  Admissions& operator=(const Admissions&) = delete;

  // Whether no client could log in now, because as many clients as may be are logged in.
  bool IsFull() const;
  // Lets a client in that is served on `loop`.
  Admission Enter(const Executor& loop);
  // Sends the client away that has waited longest without logging in, if there is one.
  void EvictOldest();

  // How many clients have not logged in.
  int logins() const;
  // How many clients had to go so far because another client took their place.
  std::uint64_t evictions() const;

 private:
  friend class Admission;
  using Places = std::list<std::shared_ptr<Admission::Place>>;

  LoginAnswer LogIn(Admission::Place& place, const std::string& user);
  LoginAnswer ChangeUser(Admission::Place& place, const std::string& user);
  bool HasRoomFor(const std::string& user) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetSessionOf(const std::string& user) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Leave(Admission::Place& place);
  // Takes the client out of waiting_ that has waited longest; nullptr if nobody waits.
  std::shared_ptr<Admission::Place> TakeOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Evict(const std::shared_ptr<Admission::Place>& place);

  const AdmissionLimits limits_;

  mutable Mutex mutex_;
  Places waiting_ ABSL_GUARDED_BY(mutex_);  // those that have not logged in; the oldest comes first
  int sessions_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, int> sessions_of_user_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t evictions_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_ADMISSIONS_H_
