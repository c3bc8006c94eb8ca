// Which process an object belongs to.
#ifndef FAILOVER_SRC_C_PROCESS_H_
#define FAILOVER_SRC_C_PROCESS_H_

#include <sys/types.h>

#include "c/error.h"
#include "failover/export.h"

namespace failover::c {

// The id of this process. A fork is noticed without a system call in each call.
FAILOVER_EXPORT pid_t ThisProcess() noexcept;

// The base of every object behind a pointer of the interface.
struct OfOneProcess {
  const pid_t process = ThisProcess();
};

// FO_OK if the object may be used in this process. `name` is the argument's.
inline fo_result Check(const OfOneProcess* object, std::string_view name) noexcept {
  if (object == nullptr) return Invalid(name, "is NULL");
  if (object->process == ThisProcess()) return FO_OK;
  return Fail(FO_WRONG_PROCESS, "the object was created before a fork, by another process");
}

// Whether the functions that end an object may touch it. What another process made stays as it is.
inline bool MayEnd(const OfOneProcess* object) noexcept {
  return object != nullptr && object->process == ThisProcess();
}

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_PROCESS_H_
