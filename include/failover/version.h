// Which version of failover this is.
//
//   #if FAILOVER_VERSION >= 200      // the headers are those of 0.2.0 or later
//   if (failover::LinkedVersion() != FAILOVER_VERSION) ...
//
// The macros may be used in C, too. Before 1.0 a new minor version may change the API.
#ifndef FAILOVER_VERSION_H_
#define FAILOVER_VERSION_H_

#define FAILOVER_VERSION_MAJOR 0
#define FAILOVER_VERSION_MINOR 1
#define FAILOVER_VERSION_PATCH 0

// A number that grows with each version: 10000 * major + 100 * minor + patch.
#define FAILOVER_VERSION \
  (FAILOVER_VERSION_MAJOR * 10000 + FAILOVER_VERSION_MINOR * 100 + FAILOVER_VERSION_PATCH)

#ifdef __cplusplus

#include "failover/export.h"

namespace failover {

// FAILOVER_VERSION of the library that the program runs with. It differs from the macro if the
// program was compiled with the headers of another version. Thread-safe.
FAILOVER_EXPORT int LinkedVersion();

// The same as a text: "0.1.0". The text lives as long as the program. Thread-safe.
FAILOVER_EXPORT const char* LinkedVersionText();

}  // namespace failover

#endif  // __cplusplus

#endif  // FAILOVER_VERSION_H_
