#include "proxy/mysql/session/upstream.h"

#include <memory>
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

using proxy::Task;

// A session that once sent a large statement does not keep the memory for ever.
constexpr std::size_t kMemoryToKeep = std::size_t{64} << 10;
}  // namespace

Upstream::Upstream(const MysqlContext& context, const proxy::Executor& executor, const Login& login,
                   std::uint32_t session_id)
    : context_(context),
      executor_(executor),
      session_id_(session_id),
      user_(login.user),
      login_{{},
             {},
             login.capabilities,
             login.mariadb_capabilities,
             login.collation,
             login.database,
             {},
             ServerKeyOf(context.mysql)},
      state_(login.database, login.collation),
      statements_(context.mysql.max_packet_size) {}

Upstream::~Upstream() { CloseConnection(); }

void Upstream::CloseConnection() {
  if (connection_ == nullptr) return;
  if (!is_waiting_) connection_->Quit();
  connection_.reset();
  is_waiting_ = false;
  context_.sessions.SetThread(session_id_, {});
}

Task<absl::Status> Upstream::Connect() {
  if (is_abandoned_) co_return absl::CancelledError("the session is to end");
  if (connection_ != nullptr) {
    absl::Status dropped = DropIfUseless();
    if (!dropped.ok()) co_return dropped;
  }
  if (connection_ != nullptr) co_return absl::OkStatus();
  co_return co_await Open();
}

bool Upstream::HasLiveConnection() const { return connection_ != nullptr && MayUseConnection(); }

bool Upstream::MayUseConnection() const {
  proxy::ConnectionUse use;
  use.backend = connection_->backend();
  use.epoch = epoch_;
  use.transaction_open = state_.transaction_open();
  use.left_behind = is_left_behind_;
  use.irreplaceable = !is_outdated_ && IsIrreplaceable();
  return proxy::MayKeep(context_, use) && !connection_->IsStale();
}

bool Upstream::IsIrreplaceable() const {
  if (state_.has_connection_state() || statements_.HasOpenCursor()) return true;
  if (request_ == nullptr) return false;
  // On another connection the statement would have to be prepared again under another context.
  const PreparedStatement* const statement = request_->statement;
  if (statement != nullptr && statement->connection == connection_->number() &&
      statement->parse_context != state_.ParseContext()) {
    return true;
  }
  return state_.HasAnswer(request_->traits);
}

absl::Status Upstream::DropIfUseless() { return MayUseConnection() ? absl::OkStatus() : Drop(); }

absl::Status Upstream::Drop() {
  const bool rolled_back = state_.transaction_is_certain();
  const std::string lost =
      state_.LoseConnection(request_ == nullptr ? SqlTraits() : request_->traits);
  statements_.LoseCursors();
  CloseConnection();
  if (rolled_back) {
    return TransactionRolledBack(lost.empty()
                                     ? "its connection was lost"
                                     : absl::StrCat("its session lost its connection, and ", lost));
  }
  if (lost.empty()) return absl::OkStatus();
  return NotExecuted(absl::StrCat("the session got another connection and lost ", lost));
}

Task<absl::Status> Upstream::Open() {
  connect_turn_.emplace(context_.connect_turns, executor_);
  absl::Status status = absl::CancelledError("the session is to end");
  if (co_await connect_turn_->Await(context_.options.connect_timeout)) status = co_await OpenNow();
  connect_turn_.reset();
  co_return status;
}

Task<absl::Status> Upstream::OpenNow() {
  // The epoch is read first. If a failover ends between the two, the connection counts as old.
  const std::uint64_t epoch = context_.shard.epoch();
  const std::optional<std::size_t> primary = context_.router.primary();
  if (!primary.has_value()) co_return CannotConnect("the primary", "there is none");
  if (!TakeAccount()) co_return NoLongerKnown(user_);
  connection_ = std::make_unique<BackendConnection>(executor_, *primary, ++connections_);
  epoch_ = epoch;
  is_outdated_ = false;
  is_left_behind_ = false;
  const proxy::Deadline deadline(executor_, context_.options.connect_timeout,
                                 [this] { connection_->Close(); });
  login_.schema = state_.schema();
  const proxy::Address& address = context_.router.backends()[*primary];
  if (context_.tls != nullptr) login_.tls = context_.tls->ForBackend(address);
  absl::Status status = co_await connection_->Connect(address, login_);
  if (status.ok()) {
    context_.primary_greeting.Learn(connection_->greeting());
    status = co_await Restore();
  }
  if (status.ok()) {
    state_.Connected(connection_->status());
    context_.sessions.SetThread(session_id_, {*primary, connection_->greeting().connection_id});
  } else {
    CloseConnection();
  }
  co_return status;
}

bool Upstream::TakeAccount() {
  const std::shared_ptr<const Users> users = context_.users.Get();
  const BackendAccount* const account = users->AccountOf(user_);
  if (account == nullptr) return false;
  login_.user = account->user;
  login_.password = account->password;
  return true;
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

Task<absl::Status> Upstream::Execute(ClientConnection& client, proxy::ReplyNotice& notice) {
  if (is_abandoned_) co_return absl::CancelledError("the session is to end");
  absl::Status status = co_await Connect();
  if (!status.ok()) co_return status;
  std::string lost = state_.LoseAnswer(request_->traits);
  if (!lost.empty()) {
    ExchangeFailure failure = Failure(ExchangeEvent::kAnswerLost);
    failure.lost = std::move(lost);
    co_return Fail(failure);
  }
  status = co_await Exchange(client, notice);
  if (out_.capacity() > kMemoryToKeep) out_ = {};
  co_return status;
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

Task<> Upstream::CloseCursor(PreparedStatement& statement) {
  const bool is_open = statement.cursor == Cursor::kOpen;
  statements_.SetCursor(Cursor::kNone, statement);
  if (!is_open || connection_ == nullptr) co_return;
  std::string id;
  PutInteger(statement.backend_id, 4, id);
  const absl::Status status = co_await connection_->Execute(Command::kStmtReset, id);
  // The next statement finds the connection dead.
  if (!status.ok()) connection_->Close();
}

Task<> Upstream::Reset() {
  request_ = nullptr;
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

void Upstream::Abandon() {
  is_abandoned_ = true;
  if (connect_turn_.has_value()) connect_turn_->Cancel();
  if (connection_ != nullptr) connection_->Close();
}

void Upstream::GiveUpIfSilent() {
  if (connection_ != nullptr && proxy::MustGiveUp(context_, connection_->backend())) {
    connection_->Close();
  }
}

}  // namespace mysql_proxy
