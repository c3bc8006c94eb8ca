// The backend side of a session: its connection to the primary. The connection is replaced when it
// is lost or when another backend becomes the primary, and the new one is put into the state that
// the client has made of its session.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_UPSTREAM_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_UPSTREAM_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "failover/postgres/errors.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/connect_turns.h"
#include "proxy/core/input_wait.h"
#include "proxy/core/retry_driver.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/startup.h"
#include "proxy/postgres/session/backend_connection.h"
#include "proxy/postgres/session/client_connection.h"
#include "proxy/postgres/session/credentials.h"
#include "proxy/postgres/session/exchange_failures.h"
#include "proxy/postgres/session/postgres_context.h"
#include "proxy/postgres/session/prepared_statements.h"
#include "proxy/postgres/session/request.h"
#include "proxy/postgres/session/session_state.h"

namespace postgres_proxy {

// What a backend has answered to messages of the proxy itself.
struct OwnAnswer {
  std::optional<failover::postgres::PostgresError> error;
  std::string row;     // the body of the last DataRow
  char status = '\0';  // of ReadyForQuery; '\0': it has not come yet
};

// Used on its event loop only, by one coroutine at a time. GiveUpIfSilent and Abandon may be called
// at any time.
class Upstream {
 public:
  // Nothing is owned.
  Upstream(const PostgresContext& context, const proxy::Executor& executor,
           const Parameters& parameters, Credentials& credentials, ClientConnection& client,
           proxy::InputWait& input_wait);
  // Takes leave of the backend.
  ~Upstream();

  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  const SessionState& state() const { return state_; }
  PreparedStatements& statements() { return statements_; }
  // The connection, for waits; nullptr: there is none.
  BackendConnection* connection() { return connection_.get(); }
  // From now on the registry of cancels knows where the session runs.
  void SetClientKey(const CancelKey& key);

  // Makes sure that there is a connection to the primary. An error is that of a request that was
  // not sent.
  proxy::Task<absl::Status> Connect();

  // Passes on what the backend says while no request runs. False: the client is gone, or its
  // session must end; `last_words` then holds what the client is to be told.
  proxy::Task<bool> PassNews(std::string& last_words);
  // How long it takes until the session should be looked into, if no request comes before; nullopt:
  // there is nothing to look for.
  std::optional<absl::Duration> TimeToLook() const;
  // Asks the backend what the session has that the texts of the client do not tell.
  proxy::Task<> Look();

  // Takes a new request. `bytes` are its messages. Both must stay where they are until the next
  // Begin.
  void Begin(Request& request, std::string& bytes);
  // Connects, sends the request, and passes the answer on as it comes, until the backend is ready
  // for the next request. Before the client gets the first part of the answer, `notice` is told.
  // The client has not been told of an error yet, unless told() says so; exchange_failures.h says
  // what follows from the error. After an error that allows a retry, Execute may be called again.
  // kCancelled: the client is gone, or nothing sensible can be said to the client any more.
  proxy::Task<absl::Status> Execute(proxy::ReplyNotice& notice);
  // The client has got the backend's error. The rest of the answer is only ReadyForQuery.
  bool told() const { return told_; }
  // The client has got a part of the answer.
  bool reply_begun() const {
    return statement_.send_state == failover::postgres::SendState::kReplyStarted;
  }
  // The client has got all of an answer with an error.
  bool answered() const { return told_ && done_; }
  // What the client is to take for the state of its transaction after an error, unless it has got
  // the ReadyForQuery of the backend.
  char status_after_error() const { return status_after_error_; }
  // Whether the transaction of the client is gone, and the client has not been told.
  bool transaction_lost() const { return transaction_lost_; }
  const std::string& why_lost() const { return why_lost_; }
  void TransactionToldLost() { transaction_lost_ = false; }

  // Whether a request was sent, and the backend has not sent all of the answer.
  bool is_waiting() const { return is_waiting_; }
  // Ends the exchange at hand, because nobody waits for the answer any more. From now on Execute
  // executes nothing, so that a request that is held is not executed later.
  void Abandon();
  // Ends an exchange with a backend that has not answered health checks for too long.
  void GiveUpIfSilent();

 private:
  enum class Progress : std::uint8_t { kNeedsMore, kDone, kFailed };
  enum class Forwarded : std::uint8_t { kSomething, kNothing, kClientGone };

  // --- The connection ---
  // Reads what the backend has said while no request ran. False: the connection was lost, and has
  // been dropped.
  bool ReadNews();
  void CloseConnection();
  bool MayUseConnection() const;
  // Closes the connection. An error says what the session has lost with the connection; OK: the
  // session has lost nothing that the client must know of.
  absl::Status Drop(std::string_view why);
  // Opens a connection to the primary, when it is this session's turn.
  proxy::Task<absl::Status> Open();
  proxy::Task<absl::Status> OpenNow();
  proxy::Task<absl::Status> Restore();
  // Tells the client later which of the reported values are others on the new connection.
  void ReportDifferences(const Reported& known);

  // --- The proxy's own messages ---
  // Runs messages that end with a Sync while no request runs. What the backend says besides goes to
  // the client. The answer is in own_. False: the connection is lost.
  proxy::Task<bool> RunOwn(std::string_view messages);
  Progress TakeOwnAnswer();
  // Closes what a request has parsed that was refused later: the client does not know of these
  // statements, and the request is going to parse them again. False: the connection is lost.
  proxy::Task<bool> CloseRefused();
  void NoteRefusedParses();

  // --- One exchange ---
  proxy::Task<absl::Status> ParseAgain();
  proxy::Task<absl::Status> Exchange(proxy::ReplyNotice& notice);
  proxy::Task<absl::Status> Pump(proxy::ReplyNotice& notice);
  // Sends what is left of the request as far as there is room. A backend whose answers nobody reads
  // takes no more of the request, so answers are read meanwhile. False: all was sent.
  bool SendMore();
  // The client's messages need not be kept for a repeat any more.
  void ReleaseBytes();
  // Passes on what the client sends while its request runs.
  proxy::Task<Forwarded> ForwardInput();
  // Takes a message that the client has sent while its request runs. False: the session ends.
  bool TakeMessage(char type, std::string_view body);
  proxy::Task<absl::Status> FinishMessage();
  // Looks at what the backend has sent.
  Progress Feed(std::string_view bytes);
  Progress TakeAnswer();
  Progress TakeError();
  Progress TakeReady();
  void TakeNotice();
  void PassNotice(const std::string& message);
  void TakeParameter();
  void TakeCopyIn();
  void TakeStep();
  // The answer to a statement has ended. Whether it is one of a pipeline, and not the last.
  bool EndsInsidePipeline();
  void StatementSucceeded(const StatementTraits& traits, std::string_view tag);
  // A Query behind a message of the extended protocol that has failed is skipped up to a Sync.
  void SkipMixed();
  // Whether the client is in a transaction block once the statement at hand has failed.
  bool FailsInTransaction() const;
  // The body of the message that ended last, which is still in out_.
  std::string_view Body() const { return std::string_view(out_).substr(complete_ + kHeaderSize); }
  // Takes the message that ended last out of the answer, to pass it on at once or never.
  std::string TakeOut();
  // Forgets the answer to the last request.
  void ClearAnswer();
  // Passes on what the client may get now. False: the client is gone.
  proxy::Task<bool> Flush(proxy::ReplyNotice& notice);

  ExchangeFailure Failure(ExchangeEvent event) const;
  // Does with the connection what the table of failures says, and returns the error to tell.
  absl::Status Fail(const ExchangeFailure& failure);
  absl::Status Fail(ExchangeEvent event);
  // What is known of the end of the connection.
  failover::postgres::PostgresError LastWords() const;

  const PostgresContext& context_;
  const proxy::Executor executor_;
  const Parameters& parameters_;
  Credentials& credentials_;
  ClientConnection& client_;
  proxy::InputWait& input_wait_;

  SessionState state_;
  PreparedStatements statements_;
  std::unique_ptr<BackendConnection> connection_;
  std::uint64_t connections_ = 0;  // the number of connections that were made so far
  std::optional<CancelKey> client_key_;
  // The shard's epoch for which connection_ is good.
  std::uint64_t epoch_ = 0;
  // The backend refused a request on connection_ in a later epoch.
  bool is_outdated_ = false;
  bool is_waiting_ = false;
  bool is_abandoned_ = false;
  // Has a value while a connection is being made.
  std::optional<proxy::ConnectTurn> connect_turn_;
  bool transaction_lost_ = false;
  std::string why_lost_;
  char status_after_error_ = 'I';
  // What the session has lost while no request ran, for the next request; OK: nothing.
  absl::Status news_;
  // The answer to messages of the proxy itself; nullopt: none are under way.
  std::optional<OwnAnswer> own_;
  std::vector<std::string> refused_parses_;  // names of statements that connection_ knows
  // A session is not looked into before this time.
  std::chrono::steady_clock::time_point next_look_;
  // Messages for the client that belong to no request.
  std::string urgent_;

  // These belong to the request at hand.
  Request* request_ = nullptr;
  std::string* bytes_ = nullptr;
  failover::postgres::Statement statement_;
  std::uint64_t epoch_when_sent_ = 0;
  bool told_ = false;
  bool in_block_ = false;       // the statements that were answered have left a transaction open
  bool copying_ = false;        // the backend awaits COPY data
  int ready_expected_ = 0;      // how many times the backend will say that it is ready
  bool passing_ = false;        // the client gets the answer as it comes
  bool partly_passed_ = false;  // the client has got a part of a message
  bool done_ = false;           // the backend is ready for the next request
  bool kept_ = false;           // *bytes_ holds the whole request
  bool prelude_ = false;        // the request is a prelude, and has not failed
  bool halfway_ = false;        // a part of the client's COPY data that is at hand was sent
  std::string_view unsent_;     // what is left to send, in *bytes_ or in released_
  std::string released_;
  std::size_t statements_answered_ = 0;
  std::size_t next_step_ = 0;  // the first of the request's steps that is not answered
  MessageCutter cutter_;
  std::string out_;           // on its way to the client
  std::size_t complete_ = 0;  // how much of out_ are whole messages
  // The last words of the backend; and a warning that may be the last word.
  std::optional<failover::postgres::PostgresError> last_words_;
  std::optional<failover::postgres::PostgresError> warning_;
  std::string warning_bytes_;
  // The error that a failover caused, until the backend is ready again.
  std::optional<ExchangeFailure> refusal_;
  // The error that the client has got.
  absl::Status passed_error_;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_UPSTREAM_H_
