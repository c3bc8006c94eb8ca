// The source of time of a Buffer.
//
// Thread-safety: implementations must be callable from any thread.
// Lifetime: a Clock given in BufferOptions is not owned and must outlive the Buffer.
#ifndef FAILOVER_CLOCK_H_
#define FAILOVER_CLOCK_H_

#include "absl/time/time.h"
#include "failover/export.h"

namespace failover {

// Tells monotonic time. The values have no relation to wall time: only their differences mean
// anything, so a step of the wall clock moves no window and no deadline.
class FAILOVER_EXPORT Clock {
 public:
  virtual ~Clock();

  // Must never go back, and must not throw (std::terminate). Called often and never under a lock. A
  // Buffer counts from its first answer (from the epoch, if that is infinite), and for 292 years.
  virtual absl::Time Now() = 0;

  // The steady clock of the operating system; lives for the whole program.
  static Clock& Steady();
};

}  // namespace failover

#endif  // FAILOVER_CLOCK_H_
