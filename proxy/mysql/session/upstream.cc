#include "proxy/mysql/session/upstream.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/core/connection_policy.h"
#include "proxy/core/deadline.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/execute_request.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/session/proxy_errors.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using failover::mysql::Outcome;
using failover::mysql::SendState;
using proxy::Task;

// A session that once sent a large statement does not keep the memory for ever.
constexpr std::size_t kMemoryToKeep = 64 * 1024;
// Long data goes to the backend in pieces of this length, which any backend takes.
constexpr std::size_t kLongDataPiece = 512 * 1024;

void PutLongData(const PreparedStatement& statement, std::string& wire) {
  for (const auto& [parameter, data] : statement.long_data) {
    std::string_view left = data;
    do {
      const std::string_view piece = left.substr(0, kLongDataPiece);
      left.remove_prefix(piece.size());
      std::string packet;
      PutInteger(static_cast<std::uint8_t>(Command::kStmtSendLongData), 1, packet);
      PutInteger(statement.backend_id, 4, packet);
      PutInteger(parameter, 2, packet);
      packet.append(piece);
      std::uint8_t sequence = 0;
      PutPacket(packet, sequence, wire);
    } while (!left.empty());
  }
}

}  // namespace

Upstream::Upstream(const MysqlContext& context, const proxy::Executor& executor, const Login& login)
    : context_(context),
      executor_(executor),
      login_{context.options.backend_user, context.options.backend_password, login.capabilities,
             login.collation, login.database},
      state_(login.database, login.collation),
      statements_(context.mysql.max_packet_size) {}

Task<absl::Status> Upstream::Connect() {
  if (connection_ != nullptr) {
    absl::Status dropped = DropIfUseless();
    if (!dropped.ok()) co_return dropped;
  }
  if (connection_ != nullptr) co_return absl::OkStatus();
  co_return co_await Open();
}

absl::Status Upstream::DropIfUseless() {
  const proxy::ConnectionUse use = {connection_->backend(), state_.transaction_open(),
                                    is_left_behind_};
  if (proxy::MayKeep(context_, use) && !connection_->IsStale()) return absl::OkStatus();
  return Drop();
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

Task<absl::Status> Upstream::Open() {
  const std::optional<std::size_t> primary = context_.router.primary();
  if (!primary.has_value()) co_return CannotConnect("the primary", "there is none");
  connection_ = std::make_unique<BackendConnection>(executor_, *primary, ++connections_);
  is_left_behind_ = false;
  const proxy::Deadline deadline(executor_, context_.options.connect_timeout,
                                 [this] { connection_->Close(); });
  login_.schema = state_.schema();
  absl::Status status = co_await connection_->Connect(context_.router.backends()[*primary], login_);
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
    // The client is told, so that the next statement may begin with a session like new.
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
  std::string lost = state_.LoseAnswer(request_->traits);
  if (!lost.empty()) {
    ExchangeFailure failure = Failure(ExchangeEvent::kAnswerLost);
    failure.lost = std::move(lost);
    co_return Fail(failure);
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
  if (sent == 0) co_return Fail(ExchangeEvent::kFoundDead);
  statement_state_.send_state = SendState::kSent;
  if (sent < out_.size()) co_return Fail(ExchangeEvent::kCutOff);
  co_return co_await PassReply(client, retry);
}

Task<absl::Status> Upstream::PrepareAgain(PreparedStatement& statement) {
  if (statement.parse_context != state_.ParseContext()) {
    co_return Fail(ExchangeEvent::kPrepareChanged);
  }
  absl::StatusOr<PreparedReply> prepared = co_await connection_->Prepare(statement.sql);
  if (!prepared.ok()) {
    if (IsConnectionWasGone(prepared.status())) co_return Fail(ExchangeEvent::kFoundDead);
    ExchangeFailure failure = Failure(ExchangeEvent::kPrepareRefused);
    failure.error = failover::mysql::MysqlErrorOf(prepared.status()).value_or(MysqlError());
    co_return Fail(failure);
  }
  if (prepared->parameters != statement.parameters) {
    co_return Fail(ExchangeEvent::kPrepareChanged);
  }
  statement.connection = connection_->number();
  statement.backend_id = prepared->id;
  co_return absl::OkStatus();
}

void Upstream::PrepareExecute() {
  PreparedStatement& statement = *request_->statement;
  std::string& payload = *request_->payload;
  SetStatementId(statement.backend_id, payload);
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
    if (bytes.empty()) co_return Fail(ExchangeEvent::kCutOff);
    out_.clear();
    const ReplyStream::Progress progress = reply_.Feed(bytes, out_);
    if (malformed_ || progress == ReplyStream::Progress::kMalformed) {
      co_return Fail(ExchangeEvent::kMalformed);
    }
    if (!out_.empty()) {
      // The retry ends here, so that a client that is slow to read does not hold up the requests
      // that wait for their turn in the Buffer.
      retry(absl::OkStatus());
      statement_state_.send_state = SendState::kReplyStarted;
      const bool written = co_await client.Write(out_);
      if (!written) co_return Fail(ExchangeEvent::kClientGone);
    }
    switch (progress) {
      case ReplyStream::Progress::kNeedsMore:
        break;
      case ReplyStream::Progress::kDone:
        co_return absl::OkStatus();
      case ReplyStream::Progress::kRefused:
        co_return Fail(refusal_);
      case ReplyStream::Progress::kWantsLocalFile:
        co_return Fail(ExchangeEvent::kWantsFile);
      case ReplyStream::Progress::kMalformed:
        co_return Fail(ExchangeEvent::kMalformed);
    }
  }
}

ExchangeFailure Upstream::Failure(ExchangeEvent event) const {
  ExchangeFailure failure;
  failure.event = event;
  failure.statement = statement_state_;
  if (reply_.started()) {
    failure.passed =
        reply_.between_packets() ? ReplyPassed::kWholePackets : ReplyPassed::kPartOfPacket;
  }
  return failure;
}

absl::Status Upstream::Fail(ExchangeEvent event) { return Fail(Failure(event)); }

absl::Status Upstream::Fail(const ExchangeFailure& failure) {
  const FailureRule& rule = RuleFor(failure);
  absl::Status told = StatusFor(rule, failure);
  switch (rule.connection) {
    case FailureConnection::kKept:
    case FailureConnection::kLeftBehind:  // by OnError
      return told;
    case FailureConnection::kDropped: {
      const absl::Status lost = Drop();
      return lost.ok() ? told : lost;
    }
    case FailureConnection::kDroppedAndTold:
      static_cast<void>(Drop());
      return told;
  }
  return told;
}

void Upstream::LeaveBehind() {
  is_left_behind_ = true;
  state_.StatementEnded();
  state_.TransactionEnded();
  connection_->Close();
}

Task<> Upstream::Close(const PreparedStatement& statement) {
  if (connection_ == nullptr || statement.connection != connection_->number()) co_return;
  std::string packet;
  PutInteger(static_cast<std::uint8_t>(Command::kStmtClose), 1, packet);
  PutInteger(statement.backend_id, 4, packet);
  std::string wire;
  std::uint8_t sequence = 0;
  PutPacket(packet, sequence, wire);
  // If Send fails, the next statement finds the connection dead.
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
  if (connection_ != nullptr && proxy::MustGiveUp(context_, connection_->backend())) {
    connection_->Close();
  }
}

void Upstream::OnOk(const OkPacket& ok) {
  if (!state_.Learn(ok, request_->sql, request_->traits)) malformed_ = true;
  if ((ok.status & server_status::kMoreResults) == 0) state_.StatementEnded();
}

MysqlError Upstream::OnError(const MysqlError& error) {
  // PassReply learns only after Feed that the client gets a part of the reply.
  if (reply_.started()) statement_state_.send_state = SendState::kReplyStarted;
  refusal_ = Failure(ExchangeEvent::kErrorPacket);
  refusal_.error = error;
  const FailureRule& rule = RuleFor(refusal_);
  const absl::Status told = StatusFor(rule, refusal_);
  if (rule.connection == FailureConnection::kLeftBehind) {
    // The connection object must live until Feed returns, because its buffer holds the reply.
    LeaveBehind();
  } else {
    state_.StatementFailed(request_->traits);
    if (rule.when == FailureWhen::kRolledBack) state_.RolledBack();
  }
  // A client that has got other results already gets this error behind them.
  return failover::mysql::OutcomeOf(told) == Outcome::kUnknown ? ForClient(told, absl::OkStatus())
                                                               : error;
}

void Upstream::OnPrepared(const PreparedReply& prepared) {
  PreparedStatement& statement = statements_.Add(std::string(request_->sql));
  statement.traits = ScanSql(statement.sql, state_.text_rules());
  statement.parse_context = state_.ParseContext();
  statement.parameters = prepared.parameters;
  statement.connection = connection_->number();
  statement.backend_id = prepared.id;
}

}  // namespace mysql_proxy
