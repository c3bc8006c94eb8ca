#include "proxy/postgres/session/upstream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proxy/core/connection_policy.h"
#include "proxy/core/deadline.h"
#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/session/proxy_errors.h"

namespace postgres_proxy {

using proxy::Task;

Upstream::Upstream(const PostgresContext& context, const proxy::Executor& executor,
                   const Parameters& parameters, Credentials& credentials, ClientConnection& client,
                   proxy::InputWait& input_wait)
    : context_(context),
      executor_(executor),
      parameters_(parameters),
      credentials_(credentials),
      client_(client),
      input_wait_(input_wait),
      state_(context.postgres.max_message_size),
      statements_(context.postgres.max_message_size) {}

Upstream::~Upstream() {
  CloseConnection();
  if (client_key_.has_value()) context_.cancels.Leave(*client_key_);
}

void Upstream::SetClientKey(const CancelKey& key) {
  client_key_ = key;
  context_.cancels.SetTarget(key, CancelTarget{connection_->backend(), connection_->key()});
}

void Upstream::CloseConnection() {
  if (connection_ == nullptr) return;
  if (client_key_.has_value()) context_.cancels.SetTarget(*client_key_, std::nullopt);
  if (is_waiting_) {
    connection_->Close();
  } else {
    connection_->Quit();
  }
  connection_.reset();
  is_waiting_ = false;
  cutter_ = {};
  own_.reset();
  unsent_ = {};
  refused_parses_.clear();
  out_.clear();
  complete_ = 0;
}

Task<absl::Status> Upstream::Connect() {
  if (is_abandoned_) co_return absl::CancelledError("the session is to end");
  if (!news_.ok()) co_return std::exchange(news_, absl::OkStatus());
  if (connection_ != nullptr && !MayUseConnection()) {
    absl::Status dropped = Drop("another backend is the primary now");
    if (!dropped.ok()) co_return dropped;
  }
  if (connection_ != nullptr) co_return absl::OkStatus();
  co_return co_await Open();
}

bool Upstream::MayUseConnection() const {
  proxy::ConnectionUse use;
  use.backend = connection_->backend();
  use.epoch = epoch_;
  use.transaction_open = state_.transaction_open();
  use.irreplaceable = !is_outdated_ && (state_.HasUnmovable() || statements_.overflown());
  return proxy::MayKeep(context_, use);
}

absl::Status Upstream::Drop(std::string_view why) {
  why_lost_ = why;
  CloseConnection();
  if (state_.transaction_open()) transaction_lost_ = true;
  state_.TransactionLost();
  statements_.ForgetPortals();
  std::string lost = state_.Unmovables();
  state_.ForgetUnmovables();
  if (statements_.overflown()) {
    absl::StrAppend(&lost, lost.empty() ? "" : ", ", "its prepared statements");
    statements_.Clear();
  }
  return lost.empty() ? absl::OkStatus() : SessionLost(lost);
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
  if (context_.users.Get()->Equip(credentials_) == nullptr) {
    co_return NoLongerKnown(credentials_.user());
  }
  connection_ = std::make_unique<BackendConnection>(executor_, *primary, ++connections_);
  epoch_ = epoch;
  is_outdated_ = false;
  const proxy::Deadline deadline(executor_, context_.options.connect_timeout,
                                 [this] { connection_->Close(); });
  const proxy::Address& address = context_.router.backends()[*primary];
  BackendLogin login{parameters_, credentials_, {}, context_.postgres.backend_cleartext};
  if (context_.tls != nullptr) login.tls = context_.tls->ForBackend(address);
  absl::Status status = co_await connection_->Connect(address, login);
  if (status.ok()) status = co_await Restore();
  if (!status.ok()) {
    CloseConnection();
    co_return status;
  }
  if (client_key_.has_value()) {
    context_.cancels.SetTarget(*client_key_, CancelTarget{*primary, connection_->key()});
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Upstream::Restore() {
  const Reported known = state_.reported();
  const Reported fresh = connection_->parameters();
  for (const bool reported : {false, true}) {
    const std::vector<std::string> statements =
        reported ? state_.RestoreReported(connection_->parameters()) : state_.RestoreStatements();
    if (statements.empty()) continue;
    std::string query;
    // A line of its own ends a comment at the end of the text before.
    PutText(absl::StrJoin(statements, "\n;\n"), query);
    std::string message;
    PutMessage(frontend::kQuery, query, message);
    absl::Status status = co_await connection_->Run(message);
    if (status.ok()) continue;
    if (context_.buffer.IsFailover(status) || IsConnectionWasGone(status)) co_return status;
    // The client is told, so that the next request may begin with a session like new.
    state_.ForgetSettings();
    co_return SessionLost(absl::StrCat("its settings, which could not be restored: ",
                                       ForClient(status, absl::OkStatus()).text));
  }
  state_.Connected(fresh, connection_->parameters());
  ReportDifferences(known);
  co_return absl::OkStatus();
}

void Upstream::ReportDifferences(const Reported& known) {
  if (known.empty()) return;  // the login reports everything
  for (const auto& [name, value] : state_.reported()) {
    const auto old = known.find(name);
    if (old != known.end() && old->second == value) continue;
    std::string body;
    PutText(name, body);
    PutText(value, body);
    PutMessage(backend::kParameterStatus, body, urgent_);
  }
}

bool Upstream::ReadNews() {
  while (connection_ != nullptr) {
    const std::string_view bytes = connection_->ReceiveNow();
    if (bytes.empty() && !connection_->is_lost()) return true;
    if (!bytes.empty() && Feed(bytes) != Progress::kFailed) continue;
    const std::string why = LastWords().text;
    absl::Status lost = Drop(why);
    if (news_.ok()) news_ = std::move(lost);
    ClearAnswer();
    return false;
  }
  return true;
}

Task<bool> Upstream::PassNews(std::string& last_words) {
  // Nobody hears the notifications any more if the connection is lost, and the client may wait for
  // nothing else.
  const bool listens = state_.Has(Unmovable::kListen);
  const bool lives = ReadNews();
  if (!lives && listens) {
    PutError({"FATAL", "57P01", std::string(news_.message())}, last_words);
    co_return false;
  }
  if (urgent_.empty()) co_return true;
  const bool written = co_await client_.Write(urgent_);
  urgent_.clear();
  co_return written;
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

}  // namespace postgres_proxy
