#include "proxy/mysql/session/upstream.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/core/deadline.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/execute_request.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/session/proxy_errors.h"

namespace mysql_proxy {
namespace {

using failover::mysql::Outcome;
using failover::mysql::SendState;

// A session that once sent a large statement does not keep its memory for ever.
constexpr std::size_t kMemoryToKeep = 64 * 1024;
// Long data goes to the server in pieces of this length, which any server takes.
constexpr std::size_t kLongDataPiece = 512 * 1024;

absl::Status NeedsPrepare() {
  return Refused({1615, "HY000",
                  "The statement was not executed: after a failover it must be prepared again"});
}

void PutLongData(const PreparedStatement& statement, std::string& wire) {
  for (const auto& [parameter, data] : statement.long_data) {
    std::string_view left = data;
    do {
      const std::string_view piece = left.substr(0, kLongDataPiece);
      left.remove_prefix(piece.size());
      std::string packet;
      PutInteger(static_cast<std::uint8_t>(Command::kStmtSendLongData), 1, packet);
      PutInteger(statement.server_id, 4, packet);
      PutInteger(parameter, 2, packet);
      packet.append(piece);
      std::uint8_t sequence = 0;
      PutPacket(packet, sequence, wire);
    } while (!left.empty());
  }
}

}  // namespace

Upstream::Upstream(const ProxyContext& context, const Executor& executor, const Login& login)
    : context_(context),
      executor_(executor),
      login_{context.options.backend_user, context.options.backend_password, login.capabilities,
             login.collation, login.database},
      state_(login.database, login.collation),
      statements_(context.options.max_packet_size) {}

Task<absl::Status> Upstream::Connect() {
  if (connection_ != nullptr) {
    absl::Status dropped = DropIfUseless();
    if (!dropped.ok()) co_return dropped;
  }
  if (connection_ != nullptr) co_return absl::OkStatus();
  co_return co_await Open();
}

absl::Status Upstream::DropIfUseless() {
  const bool useful =
      !is_left_behind_ && (state_.transaction_open() ||
                           context_.router.primary() == std::optional(connection_->server()));
  return useful && !connection_->IsStale() ? absl::OkStatus() : Drop();
}

absl::Status Upstream::Drop() {
  const bool rolled_back = state_.transaction_is_certain();
  const std::string lost = state_.LoseConnection();
  connection_.reset();
  if (rolled_back) {
    return TransactionRolledBack(lost.empty()
                                     ? "its connection was lost"
                                     : absl::StrCat("its session lost its connection, and ", lost));
  }
  if (lost.empty()) return absl::OkStatus();
  return NotExecuted(absl::StrCat("the session got another connection and lost ", lost));
}

absl::Status Upstream::DropBecause(absl::Status why) {
  absl::Status lost = Drop();
  return lost.ok() ? why : lost;
}

Task<absl::Status> Upstream::Open() {
  const std::optional<std::size_t> primary = context_.router.primary();
  if (!primary.has_value()) co_return CannotConnect("the primary", "there is none");
  connection_ = std::make_unique<ServerConnection>(executor_, *primary, ++connections_);
  is_left_behind_ = false;
  const Deadline deadline(executor_, context_.options.connect_timeout,
                          [this] { connection_->Close(); });
  login_.schema = state_.schema();
  absl::Status status = co_await connection_->Connect(context_.router.servers()[*primary], login_);
  if (status.ok()) status = co_await Restore();
  if (status.ok()) {
    state_.Connected(connection_->status());
  } else {
    connection_.reset();
  }
  co_return status;
}

Task<absl::Status> Upstream::Restore() {
  const std::vector<std::string> statements = state_.RestoreStatements();
  for (const std::string& statement : statements) {
    absl::Status status = co_await connection_->Execute(Command::kQuery, statement);
    if (status.ok()) continue;
    if (context_.buffer.IsFailover(status)) co_return status;
    // The next statement begins with a session like new; the client knows.
    state_.Reset();
    co_return NotExecuted(absl::StrCat("the settings of the session could not be restored: ",
                                       ForClient(status, absl::OkStatus()).text));
  }
  co_return absl::OkStatus();
}

void Upstream::Begin(Request& request) {
  request_ = &request;
  reply_.Begin({}, *this);
}

Task<absl::Status> Upstream::Execute(ClientConnection& client, failover::RetryDoneFunc& retry) {
  absl::Status status = co_await Connect();
  if (!status.ok()) co_return status;
  const std::string lost = state_.LoseAnswer(request_->traits);
  if (!lost.empty()) {
    co_return NotExecuted(absl::StrCat("the session got another connection and lost ", lost));
  }
  status = co_await Exchange(client, retry);
  if (out_.capacity() > kMemoryToKeep) out_ = {};
  co_return status;
}

Task<absl::Status> Upstream::Exchange(ClientConnection& client, failover::RetryDoneFunc& retry) {
  statement_state_.send_state = SendState::kNotSent;
  statement_state_.in_transaction = state_.in_transaction();
  statement_state_.read_only_requested = state_.read_only_requested();
  statement_state_.compound = request_->traits.compound;
  if (request_->statement != nullptr) {
    if (request_->statement->connection != connection_->number()) {
      absl::Status status = co_await PrepareAgain(*request_->statement);
      if (!status.ok()) co_return status;
    }
    PrepareExecute();
  }
  BuildWire();
  const std::size_t sent = co_await connection_->Send(out_);
  if (sent == 0) co_return DropBecause(ConnectionWasGone());
  statement_state_.send_state = SendState::kSent;
  if (sent < out_.size()) co_return Loss();
  co_return co_await PassReply(client, retry);
}

Task<absl::Status> Upstream::PrepareAgain(PreparedStatement& statement) {
  if (statement.parse_context != state_.ParseContext()) co_return NeedsPrepare();
  absl::StatusOr<PreparedReply> prepared = co_await connection_->Prepare(statement.sql);
  if (!prepared.ok()) {
    if (IsConnectionWasGone(prepared.status())) co_return DropBecause(prepared.status());
    co_return prepared.status();
  }
  if (prepared->parameters != statement.parameters) co_return NeedsPrepare();
  statement.connection = connection_->number();
  statement.server_id = prepared->id;
  co_return absl::OkStatus();
}

void Upstream::PrepareExecute() {
  PreparedStatement& statement = *request_->statement;
  std::string& payload = *request_->payload;
  SetStatementId(statement.server_id, payload);
  RemoveCursorRequest(payload);
  const std::optional<ParameterTypes> found = FindParameterTypes(payload, statement.parameters);
  if (!found.has_value() || found->flag_offset == 0) return;
  if (found->types.has_value()) {
    statement.types = *found->types;
  } else if (statement.types_connection != connection_->number() && !statement.types.empty()) {
    InsertParameterTypes(statement.types, found->flag_offset, payload);
  }
  statement.types_connection = connection_->number();
}

void Upstream::BuildWire() {
  out_.clear();
  if (request_->statement != nullptr) PutLongData(*request_->statement, out_);
  ReplyStart start;
  start.kind = request_->reply_kind;
  start.client_sequence = request_->client_sequence;
  start.client_statement_id = request_->client_statement_id;
  start.server_sequence = 0;
  PutPacket(*request_->payload, start.server_sequence, out_);
  reply_.Begin(start, *this);
}

Task<absl::Status> Upstream::PassReply(ClientConnection& client, failover::RetryDoneFunc& retry) {
  malformed_ = false;
  while (true) {
    const std::string_view bytes = co_await connection_->Receive();
    if (bytes.empty()) co_return Loss();
    out_.clear();
    const ReplyStream::Progress progress = reply_.Feed(bytes, out_);
    if (malformed_ || progress == ReplyStream::Progress::kMalformed) co_return Nonsense();
    if (!out_.empty()) {
      // A client that is slow to read must not hold up those who wait for their turn.
      retry(absl::OkStatus());
      statement_state_.send_state = SendState::kReplyStarted;
      const bool written = co_await client.Write(out_);
      if (!written) co_return absl::CancelledError("the client is gone");
    }
    switch (progress) {
      case ReplyStream::Progress::kNeedsMore:
        break;
      case ReplyStream::Progress::kDone:
        co_return absl::OkStatus();
      case ReplyStream::Progress::kRefused:
        co_return Refusal();
      case ReplyStream::Progress::kWantsLocalFile:
        co_return DropBecause(
            Refused({1148, "42000", "LOAD DATA LOCAL is not allowed through the proxy"}));
      case ReplyStream::Progress::kMalformed:
        co_return Nonsense();
    }
  }
}

absl::Status Upstream::Refusal() {
  absl::Status error = Judge(reply_.error());
  if (!statement_state_.in_transaction || is_left_behind_) return error;
  if (!TellsOfFailover(reply_.error())) return error;
  // The transaction cannot end well.
  const absl::Status lost = Drop();
  return lost.ok() ? TransactionRolledBack(reply_.error().text) : lost;
}

absl::Status Upstream::Judge(failover::mysql::MysqlError error) const {
  if (is_left_behind_) error.text += kNothingRemains;
  return failover::mysql::ToStatus(error, statement_state_);
}

bool Upstream::TellsOfFailover(const failover::mysql::MysqlError& error) const {
  failover::mysql::StatementState alone;
  alone.read_only_requested = statement_state_.read_only_requested;
  return context_.buffer.IsFailover(failover::mysql::ToStatus(error, alone));
}

absl::Status Upstream::Loss() {
  absl::Status error = ConnectionLost(statement_state_);
  // The error tells the client that its connection is gone, and that says it all.
  static_cast<void>(Drop());
  return error;
}

// What the client has got of the reply may be wrong, too.
absl::Status Upstream::Nonsense() {
  absl::Status error = Loss();
  return reply_.started() ? absl::CancelledError("the reply is malformed") : error;
}

Task<> Upstream::Close(const PreparedStatement& statement) {
  if (connection_ == nullptr || statement.connection != connection_->number()) co_return;
  std::string packet;
  PutInteger(static_cast<std::uint8_t>(Command::kStmtClose), 1, packet);
  PutInteger(statement.server_id, 4, packet);
  std::string wire;
  std::uint8_t sequence = 0;
  PutPacket(packet, sequence, wire);
  // If it fails, the next statement finds the connection dead.
  co_await connection_->Send(wire);
}

Task<> Upstream::Reset() {
  statements_.Clear();
  state_.Reset();
  if (connection_ == nullptr) co_return;
  absl::Status status = co_await connection_->Execute(Command::kResetConnection, {});
  if (status.ok()) status = co_await Restore();
  if (status.ok()) {
    state_.Connected(connection_->status());
  } else {
    static_cast<void>(Drop());
  }
}

void Upstream::GiveUpIfSilent() {
  if (connection_ != nullptr &&
      context_.router.IsSilent(connection_->server(), context_.options.silence_limit)) {
    connection_->Close();
  }
}

void Upstream::OnOk(const OkPacket& ok) {
  if (!state_.Learn(ok, request_->sql, request_->traits)) malformed_ = true;
  if ((ok.status & server_status::kMoreResults) == 0) state_.StatementEnded();
}

failover::mysql::MysqlError Upstream::OnError(const failover::mysql::MysqlError& error) {
  // PassReply knows of it only when the bytes at hand are through.
  if (reply_.started()) statement_state_.send_state = SendState::kReplyStarted;
  const std::optional<Outcome> outcome = failover::mysql::OutcomeOf(Judge(error));
  is_left_behind_ =
      outcome == Outcome::kUnknown &&
      (statement_state_.in_transaction || (statement_state_.compound && TellsOfFailover(error)));
  if (is_left_behind_) {
    // The client is told that nobody knows, so that it expects no transaction to be open; and to
    // call it rolled back later would be wrong if this was its commit.
    state_.StatementEnded();
    state_.TransactionEnded();
    connection_->Close();
  } else {
    state_.StatementFailed(request_->traits);
    if (outcome == Outcome::kRolledBack) state_.RolledBack();
  }
  return outcome == Outcome::kUnknown ? ForClient(Judge(error), absl::OkStatus()) : error;
}

void Upstream::OnPrepared(const PreparedReply& prepared) {
  PreparedStatement& statement = statements_.Add(std::string(request_->sql));
  statement.traits = ScanSql(statement.sql, state_.text_rules());
  statement.parse_context = state_.ParseContext();
  statement.parameters = prepared.parameters;
  statement.connection = connection_->number();
  statement.server_id = prepared.id;
}

}  // namespace mysql_proxy
