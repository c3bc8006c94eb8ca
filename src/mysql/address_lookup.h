// Looks up the addresses of a host without making its caller wait.
#ifndef FAILOVER_SRC_MYSQL_ADDRESS_LOOKUP_H_
#define FAILOVER_SRC_MYSQL_ADDRESS_LOOKUP_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace failover::mysql::internal {

// An address, as opposed to a name.
bool IsNumericAddress(const std::string& host);

// The system's look-up can be given no time limit, nor be cancelled. So each has a thread of its
// own, which may outlive this object and ends with the look-up.
class AddressLookup {
 public:
  struct Result {
    std::vector<std::string> addresses;  // numeric
    std::string error;                   // if there are none: why
  };

  // Starts it. `done` is called when it has ended, on the other thread, or not at all if `result`
  // is there at once.
  AddressLookup(std::string host, std::function<void()> done);

  // nullptr while it goes on.
  const Result* result() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_ADDRESS_LOOKUP_H_
