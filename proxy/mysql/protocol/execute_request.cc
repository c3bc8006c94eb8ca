#include "proxy/mysql/protocol/execute_request.h"

#include "proxy/mysql/protocol/codec.h"

namespace mysql_proxy {
namespace {

// A kStmtExecute begins with the command, the statement id, the cursor flags and the iteration
// count.
constexpr std::size_t kIdOffset = 1;
constexpr std::size_t kFixedLength = 10;

}  // namespace

std::optional<std::uint32_t> StatementIdOf(std::string_view payload) {
  PacketReader reader(payload);
  reader.U8();
  const std::uint32_t id = reader.U32();
  if (!reader.ok()) return std::nullopt;
  return id;
}

void SetStatementId(std::uint32_t id, std::string& payload) { PatchU32(id, kIdOffset, payload); }

std::optional<ParameterTypes> FindParameterTypes(std::string_view payload, std::size_t parameters) {
  PacketReader reader(payload);
  reader.Bytes(kFixedLength);
  ParameterTypes found;
  if (parameters > 0) {
    const std::size_t null_bitmap = (parameters + 7) / 8;
    reader.Bytes(null_bitmap);
    found.flag_offset = kFixedLength + null_bitmap;
    if (reader.U8() != 0) found.types = reader.Bytes(2 * parameters);
  }
  if (!reader.ok()) return std::nullopt;
  return found;
}

void InsertParameterTypes(std::string_view types, std::size_t flag_offset, std::string& payload) {
  payload[flag_offset] = 1;
  payload.insert(flag_offset + 1, types);
}

}  // namespace mysql_proxy
