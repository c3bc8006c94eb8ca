#include "proxy/postgres/session/lost_transaction.h"

#include "proxy/postgres/protocol/message.h"

namespace postgres_proxy {

bool EndsLostTransaction(const Request& request) {
  return request.control() == Control::kCommit || request.control() == Control::kRollback;
}

std::string AnswerToEnd(const Request& request, PreparedStatements& statements) {
  std::string out;
  for (const Step& step : request.steps()) {
    switch (step.type) {
      case frontend::kParse:
        statements.Add(step.name, step.prepared);
        PutMessage(backend::kParseComplete, {}, out);
        break;
      case frontend::kBind:
        PutMessage(backend::kBindComplete, {}, out);
        break;
      case frontend::kClose:
        if (step.name[0] == 'S') statements.Remove(std::string_view(step.name).substr(1));
        PutMessage(backend::kCloseComplete, {}, out);
        break;
      case frontend::kDescribe:
        if (step.name == "S") {
          // There are no parameters.
          std::string none;
          PutU16(0, none);
          PutMessage(backend::kParameterDescription, none, out);
        }
        PutMessage(backend::kNoData, {}, out);
        break;
      default: {
        std::string tag;
        PutText("ROLLBACK", tag);
        PutMessage(backend::kCommandComplete, tag, out);
        break;
      }
    }
  }
  PutReady('I', out);
  return out;
}

ProxyError InLostTransaction() {
  return {"ERROR", "25P02",
          "current transaction is aborted, commands ignored until end of transaction block"};
}

}  // namespace postgres_proxy
