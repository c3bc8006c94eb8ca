#include "proxy/postgres/protocol/error_message.h"

#include "proxy/postgres/protocol/message.h"

namespace postgres_proxy {

using failover::postgres::PostgresError;

PostgresError ParseError(failover::postgres::Source source, std::string_view body) {
  PostgresError error;
  error.source = source;
  BodyReader reader(body);
  while (true) {
    const auto field = static_cast<char>(reader.U8());
    if (!reader.ok() || field == '\0') return error;
    const std::string_view value = reader.Text();
    if (!reader.ok()) return error;
    switch (field) {
      case 'V':
        error.severity = failover::postgres::SeverityOf(value);
        break;
      case 'C':
        error.sqlstate = value;
        break;
      case 'M':
        error.text = value;
        break;
      case 'R':
        error.routine = value;
        break;
      default:
        break;
    }
  }
}

void PutError(const ProxyError& error, std::string& out) {
  std::string body;
  // S is for people and V for programs.
  body.push_back('S');
  PutText(error.severity, body);
  body.push_back('V');
  PutText(error.severity, body);
  body.push_back('C');
  PutText(error.sqlstate, body);
  body.push_back('M');
  PutText(error.text, body);
  body.push_back('\0');
  PutMessage(backend::kError, body, out);
}

}  // namespace postgres_proxy
