#include "proxy/postgres/session/look.h"

#include <cstddef>

#include "proxy/postgres/protocol/message.h"

namespace postgres_proxy {
namespace {

// Four letters, t or f. Without a temporary schema no catalog is searched for its objects.
constexpr char kQuestion[] =
    "SELECT pg_catalog.concat("
    "CASE WHEN pg_catalog.pg_my_temp_schema() = 0 THEN false ELSE "
    "EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema()) "
    "OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = "
    "pg_catalog.pg_my_temp_schema()) "
    "END, "
    "EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' "
    "AND pid = pg_catalog.pg_backend_pid()), "
    "EXISTS (SELECT FROM pg_catalog.pg_listening_channels()), "
    "EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable))";

std::string TheStatement() {
  std::string body(1, 'S');
  PutText(kLookStatement, body);
  return body;
}

}  // namespace

std::string MessagesToLook() {
  std::string messages;
  // A look that failed half-way has left the statement.
  PutMessage(frontend::kClose, TheStatement(), messages);
  std::string body;
  PutText(kLookStatement, body);
  PutText(kQuestion, body);
  PutU16(0, body);
  PutMessage(frontend::kParse, body, messages);
  body.clear();
  PutText({}, body);
  PutText(kLookStatement, body);
  for (int i = 0; i < 3; ++i) PutU16(0, body);
  PutMessage(frontend::kBind, body, messages);
  body.clear();
  PutText({}, body);
  PutU32(0, body);
  PutMessage(frontend::kExecute, body, messages);
  PutMessage(frontend::kClose, TheStatement(), messages);
  PutMessage(frontend::kSync, {}, messages);
  return messages;
}

std::optional<Leftovers> LeftoversIn(std::string_view row) {
  constexpr std::size_t kLetters = 4;
  BodyReader reader(row);
  const bool fits = reader.U16() == 1 && reader.U32() == kLetters;
  const std::string_view letters = reader.Rest();
  if (!fits || !reader.ok() || letters.size() != kLetters) return std::nullopt;
  if (letters.find_first_not_of("tf") != std::string_view::npos) return std::nullopt;
  Leftovers found;
  found.temporary = letters[0] == 't';
  found.advisory_lock = letters[1] == 't';
  found.listens = letters[2] == 't';
  found.held_cursor = letters[3] == 't';
  return found;
}

}  // namespace postgres_proxy
