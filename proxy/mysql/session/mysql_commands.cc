// What a session does with each command of its client.
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proxy/core/deadline.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/execute_request.h"
#include "proxy/mysql/protocol/kill_statement.h"
#include "proxy/mysql/session/backend_connection.h"
#include "proxy/mysql/session/mysql_session.h"
#include "proxy/mysql/session/proxy_errors.h"
#include "proxy/mysql/session/session_registry.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using proxy::Task;

// MysqlErrors are made by functions: g++ 12 destroys a temporary in braces twice if it is part of a
// co_await expression.

MysqlError Malformed() { return {1835, "HY000", "Malformed communication packet"}; }

MysqlError NotSupported() { return {1047, "08S01", "The proxy does not support this command"}; }

MysqlError TooManyStatements() {
  return {1461, "42000", "The session has too many prepared statements"};
}

MysqlError NoSuchStatement() {
  return {1243, "HY000", "Unknown prepared statement handler given to the proxy"};
}

MysqlError PacketTooLarge() {
  return {1153, "08S01", "Got a packet bigger than the proxy's --max-packet-size"};
}

MysqlError NoSuchThread(std::uint32_t id) {
  return {1094, "HY000", absl::StrCat("Unknown thread id: ", id)};
}

MysqlError NotOwner(std::uint32_t id) {
  return {1095, "HY000", absl::StrCat("You are not owner of thread ", id)};
}

// Whether the number is one that the proxy gives to its clients.
bool NamesSession(const KillStatement& kill) {
  return kill.connection_id >= kFirstConnectionId && kill.connection_id <= 0xffffffff;
}

std::string_view WithoutCommand(std::string_view payload) { return payload.substr(1); }

class StatementAttempt final : public proxy::RetriedStatement {
 public:
  StatementAttempt(Upstream& upstream, ClientConnection& client, Request& request)
      : upstream_(upstream), client_(client), request_(request) {
    upstream_.Begin(request_);
  }

  Task<absl::Status> Try(proxy::ReplyNotice& notice) override {
    co_return co_await upstream_.Execute(client_, notice);
  }
  // A backend that lives answers a ping, whatever the Buffer thinks of the shard.
  // The rows of a cursor are on no other connection.
  bool MayBeHeld() const override {
    if (request_.command == Command::kStmtFetch) return false;
    if (upstream_.state().transaction_open()) return false;
    return request_.command != Command::kPing || !upstream_.HasLiveConnection();
  }
  bool MayRepeatAtOnce(const absl::Status& error) const override {
    return IsConnectionWasGone(error);
  }
  std::size_t bytes() const override { return request_.bytes(); }
  // When the backend refuses a part of several statements, or a COMMIT, the request ends there.
  bool MayComeBack() const override {
    return !request_.traits.compound && !request_.traits.commits;
  }
  // Every backend takes writes to temporary tables, which belong to the connection.
  bool Writes() const override {
    return request_.traits.writes && !upstream_.state().has_connection_state();
  }
  failover::Work work() const override {
    const bool may_begin = request_.traits.begins_transaction || request_.traits.compound ||
                           upstream_.state().autocommit_is_off();
    return may_begin ? failover::Work::kTransaction : failover::Work::kStatement;
  }
  bool LeavesTransaction() const override { return upstream_.state().transaction_open(); }

 private:
  Upstream& upstream_;
  ClientConnection& client_;
  Request& request_;
};

}  // namespace

Task<bool> MysqlSession::Dispatch() {
  const std::string& packet = client_.packet();
  const auto command = static_cast<Command>(packet[0]);
  switch (command) {
    case Command::kQuit:
      co_return false;
    case Command::kQuery:
      co_return co_await RunText(command, WithoutCommand(packet), ReplyKind::kResults);
    case Command::kInitDb:
    case Command::kPing:
    case Command::kProcessInfo:
    case Command::kRefresh:
      co_return co_await RunText(command, {}, ReplyKind::kResults);
    case Command::kFieldList:
    case Command::kSetOption:
    case Command::kDebug:
      co_return co_await RunText(command, {}, ReplyKind::kRows);
    case Command::kStatistics:
      co_return co_await RunText(command, {}, ReplyKind::kText);
    case Command::kResetConnection:
      co_return co_await RunReset();
    case Command::kStmtPrepare:
      co_return co_await RunPrepare();
    case Command::kStmtExecute:
      co_return co_await RunExecute();
    case Command::kStmtSendLongData:
    case Command::kStmtClose:
    case Command::kStmtReset:
      co_return co_await RunOnStatement(command);
    case Command::kStmtFetch:
      co_return co_await RunFetch();
    case Command::kProcessKill:
      co_return co_await RunProcessKill();
    case Command::kChangeUser:
      co_return co_await RunChangeUser();
  }
  co_return co_await WriteError(NotSupported(), client_.answer_sequence());
}

Task<bool> MysqlSession::RunText(Command command, std::string_view sql, ReplyKind kind) {
  if (command == Command::kQuery) {
    const std::optional<KillStatement> kill = ParseKill(sql, upstream_->state().text_rules());
    if (kill.has_value() && NamesSession(*kill)) co_return co_await RunKill(*kill);
  }
  Request request;
  request.command = command;
  request.payload = &client_.packet();
  request.sql = sql;
  request.traits = ScanSql(sql, upstream_->state().text_rules());
  request.reply_kind = kind;
  request.client_sequence = client_.answer_sequence();
  co_return co_await RunRequest(request);
}

Task<bool> MysqlSession::RunPrepare() {
  const std::string_view sql = WithoutCommand(client_.packet());
  upstream_->statements().ForgetLast();
  if (!upstream_->statements().HasRoomFor(sql)) {
    co_return co_await WriteError(TooManyStatements(), client_.answer_sequence());
  }
  Request request;
  request.command = Command::kStmtPrepare;
  request.payload = &client_.packet();
  request.sql = sql;
  request.reply_kind = ReplyKind::kPrepared;
  request.client_sequence = client_.answer_sequence();
  request.client_statement_id = upstream_->statements().NextId();
  co_return co_await RunRequest(request);
}

Task<bool> MysqlSession::RunExecute() {
  const std::uint8_t sequence = client_.answer_sequence();
  const std::optional<std::uint32_t> id = StatementIdOf(client_.packet());
  PreparedStatement* const statement = id.has_value() ? upstream_->statements().Find(*id) : nullptr;
  if (statement == nullptr) co_return co_await WriteError(NoSuchStatement(), sequence);
  if (!FindParameterTypes(client_.packet(), statement->parameters).has_value()) {
    co_await WriteError(Malformed(), sequence);
    co_return false;
  }
  bool goes_on = true;
  if (statement->long_data_refused) {
    goes_on = co_await WriteError(PacketTooLarge(), sequence);
  } else {
    Request request;
    request.command = Command::kStmtExecute;
    request.payload = &client_.packet();
    request.sql = statement->sql;
    request.traits = statement->traits;
    request.statement = statement;
    request.client_sequence = sequence;
    goes_on = co_await RunRequest(request);
  }
  upstream_->statements().DropLongData(*statement);
  co_return goes_on;
}

Task<bool> MysqlSession::RunFetch() {
  const std::optional<std::uint32_t> id = StatementIdOf(client_.packet());
  PreparedStatement* const statement = id.has_value() ? upstream_->statements().Find(*id) : nullptr;
  if (statement == nullptr) {
    co_return co_await WriteError(NoSuchStatement(), client_.answer_sequence());
  }
  Request request;
  request.command = Command::kStmtFetch;
  request.payload = &client_.packet();
  request.statement = statement;
  request.reply_kind = ReplyKind::kRows;
  request.client_sequence = client_.answer_sequence();
  co_return co_await RunRequest(request);
}

// Runs the commands that need no backend or get no answer.
Task<bool> MysqlSession::RunOnStatement(Command command) {
  PacketReader reader(client_.packet());
  reader.U8();
  const std::uint32_t id = reader.U32();
  if (!reader.ok()) {
    co_await WriteError(Malformed(), client_.answer_sequence());
    co_return false;
  }
  PreparedStatement* const statement = upstream_->statements().Find(id);
  if (command == Command::kStmtReset) {
    // The backend knows no long data of the statement.
    if (statement == nullptr) {
      co_return co_await WriteError(NoSuchStatement(), client_.answer_sequence());
    }
    upstream_->statements().DropLongData(*statement);
    co_await upstream_->CloseCursor(*statement);
    co_return co_await WriteOk(client_.answer_sequence());
  }
  if (statement == nullptr) co_return true;
  if (command == Command::kStmtClose) {
    co_await upstream_->Close(*statement);
    upstream_->statements().Remove(id);
  } else {
    const std::uint16_t parameter = reader.U16();
    upstream_->statements().AddLongData(parameter, reader.Rest(), *statement);
  }
  co_return true;
}

Task<bool> MysqlSession::RunReset() {
  co_await upstream_->Reset();
  driver_.TransactionEnded();
  co_return co_await WriteOk(client_.answer_sequence());
}

// --- KILL ----------------------------------------------------------------------------------------

Task<bool> MysqlSession::RunProcessKill() {
  PacketReader reader(client_.packet());
  reader.U8();
  KillStatement kill;
  kill.connection_id = reader.U32();
  if (!reader.ok()) co_return co_await WriteError(Malformed(), client_.answer_sequence());
  if (NamesSession(kill)) co_return co_await RunKill(kill);
  co_return co_await RunText(Command::kProcessKill, {}, ReplyKind::kResults);
}

Task<bool> MysqlSession::RunKill(const KillStatement& kill) {
  const std::uint8_t sequence = client_.answer_sequence();
  const auto id = static_cast<std::uint32_t>(kill.connection_id);
  const std::optional<RegisteredSession> self = context_.sessions.Find(connection_id_);
  const std::optional<RegisteredSession> victim = context_.sessions.Find(id);
  if (!victim.has_value()) co_return co_await WriteError(NoSuchThread(id), sequence);
  if (!self.has_value() || self->user != victim->user) {
    co_return co_await WriteError(NotOwner(id), sequence);
  }
  absl::Status status = absl::OkStatus();
  // No backend executes a statement that is held. A KILL QUERY to the backend would hit the next
  // statement.
  const bool was_held = context_.sessions.Interrupt(id);
  const bool is_done = was_held && kill.query_only;
  if (victim->thread.thread_id != 0 && !is_done) {
    status = co_await KillThread(victim->thread, kill.query_only);
  }
  if (!kill.query_only) {
    // The client whose connection is killed is not to go on with another connection.
    if (id == connection_id_) co_return false;
    context_.sessions.Close(id);
    status = absl::OkStatus();
  }
  if (status.ok()) co_return co_await WriteOk(sequence);
  const MysqlError error = ForClient(status, absl::OkStatus());
  co_return co_await WriteError(error, sequence);
}

// The victim may be at another backend than this session.
Task<absl::Status> MysqlSession::KillThread(const BackendThread& thread, bool query_only) {
  // The victim belongs to the same user, so its connection belongs to the same account.
  const std::shared_ptr<const Users> users = context_.users.Get();
  const BackendAccount* const account = users->AccountOf(user_);
  if (account == nullptr) co_return NoLongerKnown(user_);
  const BackendLogin login = LoginWith(*account, thread.backend);
  BackendConnection connection(executor_, thread.backend, 0);
  const proxy::Deadline deadline(executor_, context_.options.connect_timeout,
                                 [&connection] { connection.Close(); });
  absl::Status status =
      co_await connection.Connect(context_.router.backends()[thread.backend], login);
  if (!status.ok()) co_return status;
  const std::string sql =
      absl::StrCat(query_only ? "KILL QUERY " : "KILL CONNECTION ", thread.thread_id);
  status = co_await connection.Execute(Command::kQuery, sql);
  connection.Quit();
  co_return status;
}

// --- Statements ----------------------------------------------------------------------------------

Task<bool> MysqlSession::RunRequest(Request& request) {
  StatementAttempt attempt(*upstream_, client_, request);
  const proxy::RetryResult result = co_await driver_.Run(attempt, client_.socket());
  if (result.error.ok()) co_return true;
  if (absl::IsCancelled(result.error)) co_return false;
  // A client that has got results already gets the error behind them.
  const ReplyStream& reply = upstream_->reply();
  const std::uint8_t sequence = reply.started() ? reply.client_sequence() : request.client_sequence;
  const MysqlError error = ForClient(result.error, result.before);
  co_return co_await WriteError(error, sequence);
}

}  // namespace mysql_proxy
