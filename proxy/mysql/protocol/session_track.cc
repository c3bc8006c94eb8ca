#include "proxy/mysql/protocol/session_track.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "proxy/mysql/protocol/codec.h"

namespace mysql_proxy {
namespace {

enum : std::uint8_t {
  kSystemVariables = 0,
  kSchema = 1,
  kStateChange = 2,
  kTransactionCharacteristics = 4,
  kTransactionState = 5,
};

// The state of a transaction is one letter for each property. This letter stands for LOCK TABLES.
constexpr char kLockedTables = 'L';

void ReadVariables(PacketReader& reader, SessionChanges& changes) {
  // MySQL sends one pair of name and value in a report. MariaDB may send several pairs.
  while (reader.ok() && reader.left() > 0) {
    const std::string_view name = reader.LengthEncodedString();
    const std::string_view value = reader.LengthEncodedString();
    if (reader.ok()) changes.variables.emplace_back(name, value);
  }
}

std::string VariablesForClient(std::string_view data) {
  // The default of session_track_system_variables.
  static constexpr std::string_view kReported[] = {"autocommit", "character_set_client",
                                                   "character_set_connection",
                                                   "character_set_results", "time_zone"};
  std::string kept;
  PacketReader reader(data);
  while (reader.ok() && reader.left() > 0) {
    const std::string_view name = reader.LengthEncodedString();
    const std::string_view value = reader.LengthEncodedString();
    if (std::find(std::begin(kReported), std::end(kReported), name) == std::end(kReported)) {
      continue;
    }
    PutLengthEncodedString(name, kept);
    PutLengthEncodedString(value, kept);
  }
  return kept;
}

bool ReadReport(std::uint8_t type, std::string_view data, SessionChanges& changes) {
  PacketReader reader(data);
  switch (type) {
    case kSystemVariables:
      ReadVariables(reader, changes);
      break;
    case kSchema:
      changes.schema = reader.LengthEncodedString();
      break;
    case kStateChange:
      changes.state = changes.state || reader.Rest() == "1";
      break;
    case kTransactionCharacteristics:
      changes.transaction_characteristics = reader.LengthEncodedString();
      break;
    case kTransactionState:
      changes.tables_locked =
          reader.LengthEncodedString().find(kLockedTables) != std::string_view::npos;
      break;
    default:  // Other reports, such as GTIDs, are of no use here.
      break;
  }
  return reader.ok();
}

}  // namespace

std::string ChangesForClient(std::string_view bytes) {
  std::string out;
  PacketReader reader(bytes);
  while (reader.ok() && reader.left() > 0) {
    const std::uint8_t type = reader.U8();
    const std::string_view data = reader.LengthEncodedString();
    std::string kept;
    if (type == kSystemVariables) {
      kept = VariablesForClient(data);
    } else if (type == kSchema) {
      kept = data;
    }
    if (kept.empty()) continue;
    PutInteger(type, 1, out);
    PutLengthEncodedString(kept, out);
  }
  return reader.ok() ? out : std::string();
}

std::optional<SessionChanges> ParseSessionChanges(std::string_view bytes) {
  PacketReader reader(bytes);
  SessionChanges changes;
  while (reader.ok() && reader.left() > 0) {
    const std::uint8_t type = reader.U8();
    const std::string_view data = reader.LengthEncodedString();
    if (!reader.ok() || !ReadReport(type, data, changes)) return std::nullopt;
  }
  return changes;
}

}  // namespace mysql_proxy
