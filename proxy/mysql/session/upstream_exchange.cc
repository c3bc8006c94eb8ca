// One exchange with a backend: the request, the reply, and what follows from a failure.
#include <optional>
#include <utility>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/execute_request.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/session/proxy_errors.h"
#include "proxy/mysql/session/upstream.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using failover::mysql::Outcome;
using failover::mysql::SendState;
using proxy::Task;

// Long data goes to the backend in pieces of this length, which any backend takes.
constexpr std::size_t kLongDataPiece = std::size_t{512} << 10;

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

Task<absl::Status> Upstream::Exchange(ClientConnection& client, proxy::ReplyNotice& notice) {
  epoch_when_sent_ = context_.shard.epoch();
  statement_state_.send_state = SendState::kNotSent;
  // What counts is an open transaction. While autocommit is off, the first statement behind a
  // COMMIT is repeated like any other, because nothing is lost with the connection.
  statement_state_.in_transaction = state_.transaction_open();
  may_begin_transaction_ = state_.autocommit_is_off();
  statement_state_.read_only_requested = state_.read_only_requested();
  statement_state_.compound = request_->traits.compound;
  if (request_->statement != nullptr) {
    absl::Status checked = CheckCursor();
    if (!checked.ok()) co_return checked;
    if (request_->statement->connection != connection_->number()) {
      absl::Status status = co_await PrepareAgain(*request_->statement);
      if (!status.ok()) co_return status;
    }
    PrepareExecute();
  }
  BuildWire();
  is_waiting_ = true;
  const std::size_t sent = co_await connection_->Send(out_);
  if (sent == 0) co_return Fail(ExchangeEvent::kFoundDead);
  statement_state_.send_state = SendState::kSent;
  if (sent < out_.size()) co_return Fail(ExchangeEvent::kCutOff);
  co_return co_await PassReply(client, notice);
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

// The rows of a lost cursor cannot be had from another connection.
absl::Status Upstream::CheckCursor() {
  PreparedStatement& statement = *request_->statement;
  if (request_->command != Command::kStmtFetch || statement.cursor != Cursor::kLost) {
    return absl::OkStatus();
  }
  statements_.SetCursor(Cursor::kNone, statement);
  ExchangeFailure failure = Failure(ExchangeEvent::kAnswerLost);
  failure.lost = "the cursor of the statement";
  return Fail(failure);
}

void Upstream::PrepareExecute() {
  PreparedStatement& statement = *request_->statement;
  std::string& payload = *request_->payload;
  SetStatementId(statement.backend_id, payload);
  if (request_->command != Command::kStmtExecute) return;
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
  ReplyStart start;
  start.client_capabilities = login_.client_capabilities;
  if (request_->command == Command::kStmtExecute) {
    PutLongData(*request_->statement, out_);
    start.to_execute = true;
    start.to_call = request_->traits.calls;
  }
  start.kind = request_->reply_kind;
  start.client_sequence = request_->client_sequence;
  start.client_statement_id = request_->client_statement_id;
  start.server_sequence = 0;
  PutPacket(*request_->payload, start.server_sequence, out_);
  reply_.Begin(start, *this);
}

Task<absl::Status> Upstream::PassReply(ClientConnection& client, proxy::ReplyNotice& notice) {
  malformed_ = false;
  while (true) {
    const std::string_view bytes = co_await connection_->Receive();
    out_.clear();
    if (bytes.empty()) {
      // An error packet may follow only what the client waits for.
      reply_.Release(out_);
      const bool written = out_.empty() || co_await client.Write(out_);
      co_return Fail(written ? ExchangeEvent::kCutOff : ExchangeEvent::kClientGone);
    }
    const ReplyStream::Progress progress = reply_.Feed(bytes, out_);
    if (malformed_ || progress == ReplyStream::Progress::kMalformed) {
      co_return Fail(ExchangeEvent::kMalformed);
    }
    if (!out_.empty()) {
      notice.ReplyBegan();
      statement_state_.send_state = SendState::kReplyStarted;
      const bool written = co_await client.Write(out_);
      if (!written) co_return Fail(ExchangeEvent::kClientGone);
    }
    switch (progress) {
      case ReplyStream::Progress::kNeedsMore:
        break;
      case ReplyStream::Progress::kDone:
        is_waiting_ = false;
        // The backend takes writes in this epoch, so the connection is as good as a new one.
        if (request_->traits.writes) epoch_ = epoch_when_sent_;
        co_return absl::OkStatus();
      case ReplyStream::Progress::kRefused:
        is_waiting_ = false;
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
  failure.may_begin_transaction = may_begin_transaction_;
  failure.commits = request_->traits.commits;
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
  if (MustBeNoted(rule, failure)) {
    context_.buffer.NoteRefused(context_.shard, "a statement that is not repeated was refused");
  }
  if (rule.when == FailureWhen::kRefused) is_outdated_ = epoch_ != epoch_when_sent_;
  switch (rule.connection) {
    case FailureConnection::kKept:
    case FailureConnection::kLeftBehind:  // OnError has closed the connection already
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
  connection_->Quit();
}

void Upstream::OnOk(const OkPacket& ok) {
  if (!state_.Learn(ok, request_->sql, request_->traits)) malformed_ = true;
  if ((ok.status & server_status::kMoreResults) == 0) state_.StatementEnded();
  LearnFromCommand(ok);
}

void Upstream::LearnFromCommand(const OkPacket& ok) {
  if (request_->command == Command::kStmtExecute) {
    const bool is_open = (ok.status & server_status::kCursorExists) != 0;
    statements_.SetCursor(is_open ? Cursor::kOpen : Cursor::kNone, *request_->statement);
  } else if (request_->command == Command::kStmtFetch) {
    if ((ok.status & server_status::kLastRowSent) != 0) {
      statements_.SetCursor(Cursor::kNone, *request_->statement);
    }
  } else if (request_->command == Command::kSetOption) {
    // Each login to a backend asks for the client's capabilities, so the option is restored.
    PacketReader reader(*request_->payload);
    reader.U8();
    const std::uint16_t option = reader.U16();
    if (option == kMultiStatementsOn) login_.client_capabilities |= capability::kMultiStatements;
    if (option == kMultiStatementsOff) login_.client_capabilities &= ~capability::kMultiStatements;
  }
}

MysqlError Upstream::OnError(const MysqlError& error) {
  // PassReply learns only after Feed that the client gets a part of the reply.
  if (reply_.started()) statement_state_.send_state = SendState::kReplyStarted;
  // One of several statements may have asked for a read-only transaction since.
  if (state_.read_only_requested()) statement_state_.read_only_requested = true;
  refusal_ = Failure(ExchangeEvent::kErrorPacket);
  refusal_.error = error;
  const FailureRule& rule = RuleFor(refusal_);
  const absl::Status told = StatusFor(rule, refusal_);
  if (rule.connection == FailureConnection::kLeftBehind) {
    // The connection object must live until Feed returns, because its buffer holds the reply.
    LeaveBehind();
  } else {
    state_.StatementFailed(request_->traits,
                           failover::mysql::OutcomeOf(told).value_or(Outcome::kUnknown));
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
