#include "proxy/mysql/protocol/session_track.h"

#include <cstdint>

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
