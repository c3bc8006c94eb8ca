#include "failover/watch/server_view.h"

namespace failover::watch {

std::string_view ToString(ServerState state) {
  switch (state) {
    case ServerState::kNotChecked:
      return "NotChecked";
    case ServerState::kPrimary:
      return "Primary";
    case ServerState::kReplica:
      return "Replica";
    case ServerState::kContender:
      return "Contender";
    case ServerState::kNotTrusted:
      return "NotTrusted";
    case ServerState::kSameServer:
      return "SameServer";
    case ServerState::kNotReady:
      return "NotReady";
    case ServerState::kUnreachable:
      return "Unreachable";
    case ServerState::kHung:
      return "Hung";
    case ServerState::kRefused:
      return "Refused";
    case ServerState::kFull:
      return "Full";
    case ServerState::kUnknown:
      return "Unknown";
  }
  return "?";
}

}  // namespace failover::watch
