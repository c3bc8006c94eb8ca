// What the tests of sessions send, and how a backend that works answers.
#ifndef FAILOVER_TESTS_UNIT_PROXY_POSTGRES_SESSION_SCRIPT_H_
#define FAILOVER_TESTS_UNIT_PROXY_POSTGRES_SESSION_SCRIPT_H_

#include <string>
#include <string_view>

#include "proxy/postgres/protocol/message.h"
#include "scripted_backend.h"

namespace postgres_proxy::test {

inline constexpr char kInsert[] = "INSERT INTO t VALUES (1)";
inline constexpr char kInserted[] = "Q INSERT INTO t VALUES (1)";

inline std::string Fatal() {
  return Error("FATAL", "57P01", "terminating connection due to administrator command");
}

inline std::string Message(char type, std::string_view body) {
  std::string out;
  PutMessage(type, body, out);
  return out;
}

// Parse, Bind, Execute and Sync of a statement with this name; without a text there is no Parse.
inline std::string Extended(const std::string& name, const std::string& sql) {
  const std::string zero(1, '\0');
  std::string out;
  if (!sql.empty()) {
    out += Message(frontend::kParse, name + zero + sql + zero + std::string(2, '\0'));
  }
  out += Message(frontend::kBind, zero + name + zero + std::string(6, '\0'));
  out += Message(frontend::kExecute, zero + std::string(4, '\0'));
  return out + Message(frontend::kSync, {});
}

inline std::string ParseComplete() { return Message(backend::kParseComplete, {}); }
inline std::string BindComplete() { return Message(backend::kBindComplete, {}); }

// What a backend that works answers.
inline Answer Works(const std::string& request) {
  if (request == "Q BEGIN") return {Done("BEGIN", 'T')};
  if (request == "Q COMMIT") return {Done("COMMIT")};
  if (request == "Q ROLLBACK") return {Done("ROLLBACK")};
  if (request == "Q IN TRANSACTION") return {Done("INSERT 0 1", 'T')};
  if (request == "Q SELECT 1") return {Fields() + Row("1") + Done("SELECT 1")};
  if (request == "Q LISTEN c") return {Done("LISTEN")};
  if (request.rfind("Q SET", 0) == 0) return {Done("SET")};
  if (request == "PBES BEGIN") {
    return {ParseComplete() + BindComplete() + Done("BEGIN", 'T')};
  }
  if (request.rfind("Q DO", 0) == 0) return {Done("DO", 'T')};
  if (request.rfind("PS", 0) == 0) return {ParseComplete() + Ready('I')};
  if (request.rfind("PBES", 0) == 0) return {ParseComplete() + BindComplete() + Done("INSERT 0 1")};
  if (request.rfind("BES", 0) == 0) return {BindComplete() + Done("INSERT 0 1")};
  return {Done("INSERT 0 1")};
}

// A backend that works until a request comes for which it has another answer.
inline ScriptedBackend::Script WorksUnless(const std::string& special, const Answer& answer) {
  return [=](const std::string& request) { return request == special ? answer : Works(request); };
}

}  // namespace postgres_proxy::test

#endif  // FAILOVER_TESTS_UNIT_PROXY_POSTGRES_SESSION_SCRIPT_H_
