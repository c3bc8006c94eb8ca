// How the primary greets its clients. The proxy greets in the same way, because clients go by the
// version and by the default collation of the greeting.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_PRIMARY_GREETING_H_
#define FAILOVER_PROXY_MYSQL_SESSION_PRIMARY_GREETING_H_

#include <mutex>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "proxy/mysql/protocol/handshake.h"

namespace mysql_proxy {

// Remembers the last greeting of a primary. Thread-safe.
class PrimaryGreeting {
 public:
  void Learn(const Greeting& greeting) {
    const std::lock_guard lock(mutex_);
    greeting_ = greeting;
  }

  // nullopt: no primary has greeted the proxy yet.
  std::optional<Greeting> last() const {
    const std::lock_guard lock(mutex_);
    return greeting_;
  }

  // Whether the caller is to connect to the primary on purpose, to see its greeting. Answers yes at
  // most once per second, because strangers who only open connections lead to this question.
  bool MayAsk(absl::Time now) {
    const std::lock_guard lock(mutex_);
    if (greeting_.has_value() || now < next_) return false;
    next_ = now + absl::Seconds(1);
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Greeting> greeting_;        // guarded by mutex_
  absl::Time next_ = absl::InfinitePast();  // guarded by mutex_
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_PRIMARY_GREETING_H_
