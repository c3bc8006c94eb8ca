#include "proxy/mysql/session/mysql_session.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "failover/buffer.h"
#include "proxy/core/connection_policy.h"
#include "proxy/core/deadline.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/execute_request.h"
#include "proxy/mysql/protocol/native_password.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/session/proxy_errors.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using proxy::Task;
using ReadEnd = ClientConnection::ReadEnd;

// The capabilities that clients may ask for. Three kinds are missing. kLocalFiles would let a
// backend ask the client for any file. TLS and compression are not implemented. reply_stream.h says
// why kSessionTrack and kDeprecateEof are for backends only.
constexpr std::uint32_t kCapabilities =
    capability::kLongPassword | capability::kFoundRows | capability::kLongFlag |
    capability::kConnectWithDatabase | capability::kOdbc | capability::kIgnoreSpace |
    capability::kProtocol41 | capability::kInteractive | capability::kTransactions |
    capability::kSecureConnection | capability::kMultiStatements | capability::kMultiResults |
    capability::kPreparedMultiResults | capability::kPluginAuth | capability::kConnectAttributes |
    capability::kPluginAuthLengthEncoded;

// MysqlErrors are made by functions: g++ 12 destroys a temporary in braces twice if it is part of a
// co_await expression.

MysqlError Malformed() { return {1835, "HY000", "Malformed communication packet"}; }

MysqlError OutOfOrder() { return {1156, "08S01", "Got packets out of order"}; }

MysqlError NotSupported() { return {1047, "08S01", "The proxy does not support this command"}; }

MysqlError AccessDenied(std::string_view user) {
  return {1045, "28000", absl::StrCat("Access denied for user '", std::string(user), "'")};
}

MysqlError TooManyStatements() {
  return {1461, "42000", "The session has too many prepared statements"};
}

MysqlError NoSuchStatement() {
  return {1243, "HY000", "Unknown prepared statement handler given to the proxy"};
}

MysqlError PacketTooLarge() {
  return {1153, "08S01", "Got a packet bigger than the proxy's --max-packet-size"};
}

std::string_view WithoutCommand(std::string_view payload) { return payload.substr(1); }

// A client's login as the retry driver sees it: a statement that only needs a connection.
class LoginAttempt final : public proxy::RetriedStatement {
 public:
  explicit LoginAttempt(Upstream& upstream) : upstream_(upstream) {}

  Task<absl::Status> Try(failover::RetryDoneFunc&) override {
    co_return co_await upstream_.Connect();
  }
  bool MayBeHeld() const override { return true; }
  bool MayRepeatAtOnce(const absl::Status& error) const override {
    return IsConnectionWasGone(error);
  }
  std::size_t bytes() const override { return 0; }

 private:
  Upstream& upstream_;
};

class StatementAttempt final : public proxy::RetriedStatement {
 public:
  StatementAttempt(Upstream& upstream, ClientConnection& client, Request& request)
      : upstream_(upstream), client_(client), request_(request) {
    upstream_.Begin(request_);
  }

  Task<absl::Status> Try(failover::RetryDoneFunc& retry) override {
    co_return co_await upstream_.Execute(client_, retry);
  }
  bool MayBeHeld() const override { return !upstream_.state().in_transaction(); }
  bool MayRepeatAtOnce(const absl::Status& error) const override {
    return IsConnectionWasGone(error);
  }
  std::size_t bytes() const override { return request_.bytes(); }

 private:
  Upstream& upstream_;
  ClientConnection& client_;
  Request& request_;
};

}  // namespace

MysqlSession::MysqlSession(const MysqlContext& context, proxy::Socket socket,
                           std::uint32_t connection_id)
    : context_(context),
      executor_(socket.get_executor()),
      connection_id_(connection_id),
      client_(std::move(socket)),
      driver_(context, executor_) {}

Task<> MysqlSession::Run() {
  bool goes_on = co_await LogIn();
  while (goes_on) goes_on = co_await ServeOneCommand();
}

void MysqlSession::Drain() {
  draining_ = true;
  if (idle_ && MustEnd()) client_.Close();
}

bool MysqlSession::MustEnd() const {
  return proxy::EndsInDrain(draining_, upstream_->state().transaction_open());
}

void MysqlSession::GiveUpIfSilent() {
  if (upstream_.has_value()) upstream_->GiveUpIfSilent();
}

// --- Login ---------------------------------------------------------------------------------------

Task<bool> MysqlSession::LogIn() {
  const std::optional<std::string> scramble = NewScramble();
  if (!scramble.has_value()) co_return false;
  std::optional<Login> login;
  {
    const proxy::Deadline deadline(executor_, context_.options.login_timeout,
                                   [this] { client_.Close(); });
    const bool greeted = co_await Greet(*scramble);
    if (!greeted) co_return false;
    login = co_await ReadLogin(*scramble);
  }
  if (!login.has_value()) co_return false;
  const std::uint8_t sequence = client_.answer_sequence();
  if (!context_.users.Accepts(login->user, *scramble, login->auth_answer)) {
    co_await WriteError(AccessDenied(login->user), sequence);
    co_return false;
  }
  client_.AllowPackets(context_.mysql.max_packet_size);
  upstream_.emplace(context_, executor_, *login);
  co_return co_await ConnectFirst(sequence);
}

Task<bool> MysqlSession::Greet(const std::string& scramble) {
  Greeting greeting;
  greeting.server_version = context_.mysql.server_version;
  greeting.connection_id = connection_id_;
  greeting.scramble = scramble;
  greeting.capabilities = kCapabilities;
  greeting.status = server_status::kAutocommit;
  greeting.collation = kDefaultCollation;
  greeting.auth_plugin = kNativePassword;
  const std::string payload = BuildGreeting(greeting);
  co_return co_await WritePacket(payload, 0);
}

// Reads the client's login. A client may prefer another method than kNativePassword. The proxy then
// asks the client to answer `scramble` by kNativePassword.
Task<std::optional<Login>> MysqlSession::ReadLogin(const std::string& scramble) {
  ReadEnd end = co_await client_.Read(1);
  if (end != ReadEnd::kPacket) co_return std::nullopt;
  std::optional<Login> login = ParseLogin(client_.packet());
  if (!login.has_value()) {
    co_await WriteError(Malformed(), client_.answer_sequence());
    co_return std::nullopt;
  }
  login->capabilities &= kCapabilities;
  if (login->auth_plugin.empty() || login->auth_plugin == kNativePassword) co_return login;

  const std::string request = BuildAuthSwitch({std::string(kNativePassword), scramble});
  const bool written = co_await WritePacket(request, client_.answer_sequence());
  if (!written) co_return std::nullopt;
  end = co_await client_.Read(static_cast<std::uint8_t>(client_.answer_sequence() + 1));
  if (end != ReadEnd::kPacket) co_return std::nullopt;
  login->auth_answer = client_.packet();
  co_return login;
}

// Connects to a backend before the client gets an answer to its login, so that the client learns at
// once whether its schema exists. The Buffer holds a login like any statement.
Task<bool> MysqlSession::ConnectFirst(std::uint8_t answer_sequence) {
  LoginAttempt attempt(*upstream_);
  const proxy::RetryResult result = co_await driver_.Run(attempt, client_.socket());
  if (absl::IsCancelled(result.error)) co_return false;
  if (result.error.ok()) co_return co_await WriteOk(answer_sequence);
  const MysqlError error = ForClient(result.error, result.before);
  co_await WriteError(error, answer_sequence);
  co_return false;
}

// --- Commands ------------------------------------------------------------------------------------

Task<bool> MysqlSession::ServeOneCommand() {
  if (MustEnd()) co_return false;
  idle_ = true;
  const ReadEnd end = co_await client_.Read(0);
  idle_ = false;
  // If the drain began while a command was on its way here, the client gets no answer to the
  // command.
  if (MustEnd()) co_return false;
  switch (end) {
    case ReadEnd::kPacket:
      break;
    case ReadEnd::kClosed:
      co_return false;
    case ReadEnd::kTooLarge:
      co_await WriteError(PacketTooLarge(), client_.answer_sequence());
      co_return false;
    case ReadEnd::kOutOfOrder:
      co_await WriteError(OutOfOrder(), client_.answer_sequence());
      co_return false;
  }
  if (client_.packet().empty()) {
    co_await WriteError(Malformed(), client_.answer_sequence());
    co_return false;
  }
  co_return co_await Dispatch();
}

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
      co_return co_await RunText(command, {}, ReplyKind::kResults);
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
    case Command::kChangeUser:
      break;
  }
  co_return co_await WriteError(NotSupported(), client_.answer_sequence());
}

Task<bool> MysqlSession::RunText(Command command, std::string_view sql, ReplyKind kind) {
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
    // The backend needs no reset, because it knows neither cursors nor long data of the statement.
    if (statement == nullptr) {
      co_return co_await WriteError(NoSuchStatement(), client_.answer_sequence());
    }
    upstream_->statements().DropLongData(*statement);
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
  co_return co_await WriteOk(client_.answer_sequence());
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

// --- Packets -------------------------------------------------------------------------------------

Task<bool> MysqlSession::WriteOk(std::uint8_t sequence) {
  OkPacket ok;
  ok.status = upstream_->state().status();
  const std::string payload = BuildOk(ok);
  co_return co_await WritePacket(payload, sequence);
}

Task<bool> MysqlSession::WriteError(const MysqlError& error, std::uint8_t sequence) {
  const std::string payload = BuildError(error);
  co_return co_await WritePacket(payload, sequence);
}

Task<bool> MysqlSession::WritePacket(std::string_view payload, std::uint8_t sequence) {
  std::string wire;
  PutPacket(payload, sequence, wire);
  co_return co_await client_.Write(wire);
}

}  // namespace mysql_proxy
