// Whether a connection failed because of the machine that wanted to connect.
//
// A client library wrote the text of the error, on this machine. The text holds the number of the
// system, or its name, or its words.
//
// Thread-safety: the functions are pure and may be called from any thread. Each function reads the
// text once for each thing that it looks for, and does not allocate.
#ifndef FAILOVER_SRC_OUTCOME_LOCAL_TROUBLE_H_
#define FAILOVER_SRC_OUTCOME_LOCAL_TROUBLE_H_

#include <string_view>

#include "failover/export.h"

namespace failover::internal {

// Whether `text` says that no connection could be made because of a trouble of this machine: no
// local port, descriptor or memory was free, a local rule forbade the connection, or the name
// service did not answer. Nothing is known about the server then.
FAILOVER_EXPORT bool NamesLocalTrouble(std::string_view text);

// The same for a text whose numbers are those of the name service and not of the system.
FAILOVER_EXPORT bool NamesTroubleOfNameService(std::string_view text);

}  // namespace failover::internal

#endif  // FAILOVER_SRC_OUTCOME_LOCAL_TROUBLE_H_
