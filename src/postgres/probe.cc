#include "postgres/probe.h"

#include <sys/ioctl.h>

#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace failover::postgres::internal {
namespace {

// The fields of the answer. The timeline is that of the write-ahead log that the server writes now,
// and stands in front of the name of the current file. pg_control_checkpoint() tells a promotion up
// to some seconds later. The role of the monitor may have a default_transaction_read_only of its
// own, so the last field tells where the value of the setting is from; it is empty if the setting
// is off.
constexpr char kQuestion[] =
    "SELECT pg_catalog.pg_is_in_recovery(),"
    " CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE pg_catalog.substr("
    "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END,"
    " (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
    " pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()),"
    " pg_catalog.current_setting('port'),"
    " CASE WHEN pg_catalog.current_setting('default_transaction_read_only') = 'off' THEN '' ELSE"
    " (SELECT source FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only') END";
enum Field { kInRecovery, kTimeline, kSystem, kStarted, kPort, kReadOnlySource, kFields };

absl::string_view FieldOf(const PGresult* row, Field field) {
  return {PQgetvalue(row, 0, field), static_cast<std::size_t>(PQgetlength(row, 0, field))};
}

// Whether the setting holds for everybody, or only for the role of the monitor or its session.
bool HoldsForOthers(absl::string_view source) {
  return !source.empty() && source != "user" && source != "database user" && source != "client" &&
         source != "session";
}

bool HasUnreadBytes(int descriptor) {
  int bytes = 0;
  return ioctl(descriptor, FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace

Probe::Probe(MonitoredServer server, std::function<void()> wake_up, Resolver resolve)
    : server_(std::move(server)),
      wake_up_(std::move(wake_up)),
      resolve_(std::move(resolve)),
      needs_lookup_(server_.unix_socket.empty() &&
                    !watch::internal::IsNumericAddress(server_.host)) {
  if (!needs_lookup_) addresses_ = {server_.host};
}

Probe::~Probe() {
  if (busy()) {
    Abandon();
  } else {
    Disconnect();
  }
}

void Probe::Begin() {
  observation_ = Observation();
  link_.ResetMeter();
  unproven_ = connection_ != nullptr;
  if (unproven_) {
    Ask();
  } else {
    BeginConnection();
  }
  if (busy()) Run();
}

pollfd Probe::event() const {
  pollfd event = {-1, 0, 0};
  if (step_ == Step::kNone || step_ == Step::kLookUp) return event;
  if (!link_.spliced()) {
    event.fd = PQsocket(connection_.get());
    event.events = POLLOUT;
    return event;
  }
  event.fd = link_.descriptor();
  event.events = POLLIN;
  if (link_.wants_to_write()) event.events |= POLLOUT;
  return event;
}

void Probe::Continue(int revents) {
  if (!busy()) return;
  connecting_ended_ = step_ == Step::kConnect && revents != 0;
  Run();
}

void Probe::Expire() {
  const bool looking_up = step_ == Step::kLookUp;
  Abandon();
  // A name service that hangs says nothing about the server.
  if (looking_up) return End(OwnTrouble("its address was not found in time"));
  End(Seen::kHung, "no answer in time");
}

void Probe::Run() {
  while (busy()) {
    if (!GoOn() || !busy()) return;
  }
}

bool Probe::GoOn() {
  switch (step_) {
    case Step::kNone:
      return false;
    case Step::kLookUp:
      if (!lookup_.has_value()) lookup_.emplace(server_.host, resolve_, wake_up_);
      if (lookup_->result() == nullptr) return false;
      EndLookUp();
      return true;
    case Step::kConnect:
      // libpq believes that the attempt has ended whenever it is called.
      if (!std::exchange(connecting_ended_, false)) return false;
      Splice();
      return true;
    case Step::kLogin:
      return GoOnWithLogin();
    case Step::kAsk:
      return GoOnWithAnswer();
  }
  return false;
}

bool Probe::GoOnWithLogin() {
  // The other end of the link takes whatever libpq writes.
  link_.PassToServer();
  if (waits_for_ == PGRES_POLLING_READING && !PassOn()) return false;
  PGconn* const connection = connection_.get();
  const ConnStatusType status = PQstatus(connection);
  stage_ = status == CONNECTION_SSL_STARTUP ? Stage::kTls : Stage::kLogin;
  waits_for_ = PQconnectPoll(connection);
  if (waits_for_ == PGRES_POLLING_FAILED) {
    Failed(PQerrorMessage(connection));
    return true;
  }
  if (waits_for_ != PGRES_POLLING_OK) return true;
  const bool must_encrypt = server_.tls.mode != TlsMode::kOff;
  if (must_encrypt && PQsslInUse(connection) == 0) {
    Abandon();
    End(Seen::kRefused, "it does not use TLS");
    return true;
  }
  Ask();
  return true;
}

bool Probe::GoOnWithAnswer() {
  PGconn* const connection = connection_.get();
  if (PQflush(connection) < 0) {
    Failed(PQerrorMessage(connection));
    return true;
  }
  if (!PassOn()) return false;
  if (PQconsumeInput(connection) == 0) {
    Failed(PQerrorMessage(connection));
    return true;
  }
  while (PQisBusy(connection) == 0) {
    Result result(PQgetResult(connection));
    if (result == nullptr) {
      Answered();
      return true;
    }
    const ExecStatusType status = PQresultStatus(result.get());
    const bool ordinary = status == PGRES_TUPLES_OK || status == PGRES_FATAL_ERROR;
    if (answer_ == nullptr) answer_ = std::move(result);
    // libpq gives results for ever in a COPY, for instance.
    if (!ordinary) {
      Answered();
      return true;
    }
  }
  return true;
}

bool Probe::PassOn() {
  link_.PassToServer();
  // With TLS, libpq reads one record at a time.
  if (HasUnreadBytes(PQsocket(connection_.get()))) return true;
  switch (link_.PassToClient()) {
    case MeteredLink::State::kPassedOn:
      return true;
    case MeteredLink::State::kTooMuch:
      Abandon();
      End(Seen::kUnreachable,
          absl::StrCat("it sent more than ", MeteredLink::kMostBytes, " bytes in one check"));
      return false;
    case MeteredLink::State::kForbidden:
      Forbidden();
      return false;
    case MeteredLink::State::kNothing:
      return false;
  }
  return false;
}

void Probe::BeginConnection() {
  next_address_ = 0;
  // A name service that hangs together with the primary must not prevent the failover.
  const bool lookup_hangs = lookup_.has_value() && lookup_->result() == nullptr;
  if (!needs_lookup_ || (lookup_hangs && !addresses_.empty())) return Connect();
  step_ = Step::kLookUp;
}

void Probe::EndLookUp() {
  const Addresses found = *lookup_->result();
  lookup_.reset();
  // The same holds for a name service that fails.
  if (!found.numeric.empty()) addresses_ = found.numeric;
  if (!addresses_.empty()) return Connect();
  const std::string problem = absl::StrCat("its address was not found: ", found.error);
  if (found.no_answer) return End(OwnTrouble(problem));
  End(Seen::kUnreachable, problem);
}

void Probe::Connect() {
  const bool by_socket = !server_.unix_socket.empty();
  stage_ = Stage::kConnecting;
  guard_ = LoginGuard();
  connection_ = BeginToConnect(server_, by_socket ? std::string() : addresses_[next_address_]);
  if (connection_ == nullptr) return End(OwnTrouble("no memory for a connection"));
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    return Failed(PQerrorMessage(connection_.get()));
  }
  step_ = Step::kConnect;
  // libpq has sent nothing yet.
  waits_for_ = PGRES_POLLING_WRITING;
  connecting_ended_ = false;
  // The connection to a socket is there at once.
  if (MeteredLink::IsConnected(PQsocket(connection_.get()))) Splice();
}

void Probe::Splice() {
  PGconn* const connection = connection_.get();
  const int descriptor = PQsocket(connection);
  if (!MeteredLink::IsConnected(descriptor)) {
    // libpq finds out why there is no connection.
    if (PQconnectPoll(connection) == PGRES_POLLING_FAILED) {
      return Failed(PQerrorMessage(connection));
    }
    Abandon();
    return End(Seen::kUnreachable, "the connection was lost at once");
  }
  const int error = link_.Splice(descriptor);
  if (error != 0) {
    Abandon();
    return End(OwnTrouble(error));
  }
  if (server_.tls.mode == TlsMode::kOff) {
    link_.GuardWhatIsReceived([this](std::string_view piece) { return guard_.Allows(piece); });
  }
  step_ = Step::kLogin;
}

void Probe::Ask() {
  answer_.reset();
  step_ = Step::kAsk;
  stage_ = Stage::kQuestion;
  if (PQsendQuery(connection_.get(), kQuestion) == 0) Failed(PQerrorMessage(connection_.get()));
}

void Probe::Answered() {
  const Result answer = std::move(answer_);
  const ExecStatusType status =
      answer == nullptr ? PGRES_EMPTY_QUERY : PQresultStatus(answer.get());
  if (status == PGRES_FATAL_ERROR) return Failed(PQresultErrorMessage(answer.get()));
  unproven_ = false;
  const bool expected = status == PGRES_TUPLES_OK && PQntuples(answer.get()) == 1 &&
                        PQnfields(answer.get()) == kFields;
  if (expected) return LearnFrom(answer.get());
  Abandon();
  End(Seen::kRefused, "it does not tell whether it is in recovery");
}

void Probe::LearnFrom(const PGresult* row) {
  const absl::string_view in_recovery = FieldOf(row, kInRecovery);
  std::uint64_t timeline = 0;
  const bool numbered = absl::SimpleHexAtoi(FieldOf(row, kTimeline), &timeline) && timeline != 0;
  const bool known = in_recovery == "t" || (in_recovery == "f" && numbered);
  if (!known || FieldOf(row, kSystem).empty() || FieldOf(row, kStarted).empty()) {
    Abandon();
    return End(Seen::kRefused, "it does not tell its timeline and its system identifier");
  }
  // All servers of a cluster have the same system identifier. The time when the server was started,
  // in microseconds, tells them apart.
  observation_.history = absl::StrCat("system_identifier=", Printable(FieldOf(row, kSystem)));
  observation_.identity =
      absl::StrCat(observation_.history, ";started=", Printable(FieldOf(row, kStarted)),
                   ";port=", Printable(FieldOf(row, kPort)));
  if (in_recovery == "t") return End(Seen::kReadOnly, "");
  observation_.generation = timeline;
  if (HoldsForOthers(FieldOf(row, kReadOnlySource))) {
    return End(Seen::kNotReady, "default_transaction_read_only is on");
  }
  End(Seen::kWritable, "");
}

void Probe::Failed(const char* text) {
  Finding finding = FindingFromError({stage_, text, link_.server_gone()}, server_);
  const bool connecting = stage_ == Stage::kConnecting;
  Disconnect();
  step_ = Step::kNone;
  if (std::exchange(unproven_, false)) return BeginConnection();
  if (connecting && finding.seen == Seen::kUnreachable && ++next_address_ < addresses_.size()) {
    return Connect();
  }
  End(std::move(finding));
}

void Probe::Forbidden() {
  const std::string problem = guard_.problem();
  Abandon();
  End(Seen::kRefused, problem);
}

void Probe::End(Seen seen, std::string problem) {
  observation_.seen = seen;
  observation_.problem = std::move(problem);
  step_ = Step::kNone;
}

void Probe::Disconnect() {
  answer_.reset();
  connection_.reset();
  link_.Close();
}

void Probe::Abandon() {
  answer_.reset();
  link_.Cut();
  connection_.reset();
}

}  // namespace failover::postgres::internal
