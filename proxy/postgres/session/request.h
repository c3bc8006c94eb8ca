// What a client wants next: a Query, a FunctionCall, or messages of the extended protocol up to
// their Sync. The server executes such a request as one transaction, if none is open and the
// request itself neither begins nor ends one.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_REQUEST_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "failover/postgres/errors.h"
#include "proxy/postgres/session/prepared_statements.h"
#include "proxy/postgres/sql/statement_traits.h"

namespace postgres_proxy {

// A message of the client that gets an answer of its own.
struct Step {
  // As in frontend::. kQuery stands for one of the statements of a Query.
  char type = '\0';
  // The name of a statement or a portal. That of kClose begins with S or P, as in the message; that
  // of kDescribe is this letter alone.
  std::string name = {};
  PreparedPtr prepared = nullptr;  // of kParse
  StatementTraits traits = {};     // of kExecute and kQuery
};

// Used on its event loop only.
class Request {
 public:
  // `statements` are those that the session knows. Not owned.
  Request(const PreparedStatements& statements, TextRules rules)
      : statements_(statements), rules_(rules) {}

  // Takes a message. False: the message makes no sense.
  bool Add(char type, std::string_view body);

  // The client waits for the answer to all that it has sent: the last message was a Query, a
  // FunctionCall or a Sync.
  bool closed() const { return closed_; }
  // A Sync was swallowed by COPY, or a COPY begins: messages belong to the request again.
  void Reopen() { closed_ = false; }
  void Close() { closed_ = true; }
  // Began with a Query, so that the answer ends without a Sync.
  bool is_simple() const { return simple_; }
  // A Query or a FunctionCall came behind messages of the extended protocol without a Sync between.
  bool is_mixed() const { return mixed_; }
  // The client asked for an answer before the end of the request, by Flush.
  bool flushed() const { return flushed_; }
  // Parses, describes and closes only, up to a Flush. Its answer ends with the answer to its last
  // message, and what follows is another request.
  bool is_prelude() const {
    return flushed_ && !closed_ && !steps_.empty() && executed_.empty() && portals_.empty();
  }

  // The messages in the order of their answers.
  const std::vector<Step>& steps() const { return steps_; }
  // The first `count` steps were answered and are not needed any more. So a request that is passed
  // on as it comes takes no more memory the longer it is.
  void ForgetSteps(std::size_t count);
  // An error came: the server skips all messages up to the Sync, those that are still to come, too.
  void SkipToSync() { skips_ = !closed_; }
  // The statements of earlier requests that this one uses.
  const std::vector<PreparedPtr>& needs() const { return needs_; }

  // What the request is as a whole. kMayCommitInside while it is not closed. One that executes
  // nothing is like a BEGIN: nothing of it outlives its connection.
  failover::postgres::StatementKind kind() const;
  // What the messages so far are.
  failover::postgres::StatementKind kind_so_far() const;
  // The request begins with a BEGIN, and nothing of it so far can have committed: if the connection
  // ends, all of it is rolled back.
  bool begins_transaction() const;
  bool writes() const;
  bool may_begin_transaction() const;
  bool read_only_requested() const;
  // How the request steers its transaction, if it is one statement alone; otherwise kNone.
  Control control() const;
  // Behind the first kMostJudged statements one stands for all others.
  const std::vector<StatementTraits>& statements() const { return executed_; }
  // The statements of the portals that the request has bound. nullptr: it is not known.
  const Portals& portals() const { return portals_; }

  static constexpr std::size_t kMostJudged = 10'000;

 private:
  bool AddParse(std::string_view body);
  bool AddBind(std::string_view body);
  bool AddDescribe(std::string_view body);
  bool AddExecute(std::string_view body);
  bool AddClose(std::string_view body);
  void AddQuery(std::string_view text);
  void AddExecuted(const StatementTraits& traits);
  bool ExecutesNothing() const;
  // Finds a statement of this request or of an earlier request. nullptr: there is none.
  PreparedPtr Use(std::string_view name);

  const PreparedStatements& statements_;
  const TextRules rules_;
  bool closed_ = false;
  bool simple_ = false;
  bool flushed_ = false;
  bool skips_ = false;
  bool mixed_ = false;  // a Query or a FunctionCall came behind messages of the extended protocol
  std::vector<Step> steps_;
  std::vector<PreparedPtr> needs_;
  std::vector<StatementTraits> executed_;
  std::unordered_map<std::string, PreparedPtr> parsed_;  // by this request
  Portals portals_;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_REQUEST_H_
