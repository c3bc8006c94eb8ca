// The source of time of a Buffer.
//
// Thread-safety: implementations must be callable from any thread.
// Lifetime: a Clock given in BufferOptions is not owned and must outlive the Buffer.
#ifndef FAILOVER_CLOCK_H_
#define FAILOVER_CLOCK_H_

#include "absl/time/time.h"
#include "failover/export.h"

namespace failover {

// Tells monotonic time. The values have no relation to wall time, and only their differences mean
// anything. So a step of the wall clock moves no window and no deadline.
class FAILOVER_EXPORT Clock {
 public:
  virtual ~Clock();

  // The time must never go back, and Now must not throw (std::terminate). Now is called often, and
  // never under a lock. A Buffer counts from the first answer (from the epoch, if that is
  // infinite), for 292 years.
  virtual absl::Time Now() = 0;

  // Returns the steady clock of the operating system. It lives as long as the program.
  static Clock& Steady();
};

}  // namespace failover

#endif  // FAILOVER_CLOCK_H_
