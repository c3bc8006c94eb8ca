#include "mysql/probe.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace failover::mysql::internal {
namespace {

// What a step waits for, in addition to libmariadb's MYSQL_WAIT_...: another thread.
constexpr int kWaitForThread = 1 << 8;

bool IsOn(const std::string& value) { return value == "1" || absl::EqualsIgnoreCase(value, "on"); }
bool IsOff(const std::string& value) {
  return value == "0" || absl::EqualsIgnoreCase(value, "off");
}

// Whether one of the packets asks the server for its public key. libmariadb always flushes whole
// packets.
//
// A packet has a header: three bytes with the size of the payload, then the number of the packet.
// The authentication plugins of libmariadb ask for the key with a payload of one byte: 1
// (sha256_password) or 2 (caching_sha2_password). The packet with number 0 is a command; there the
// payload 1 says that the client quits.
bool AskForAKey(std::string_view packets) {
  constexpr std::size_t kHeader = 4;
  const auto byte = [&packets](std::size_t at) {
    return std::size_t{static_cast<unsigned char>(packets[at])};
  };
  std::size_t at = 0;
  while (at + kHeader < packets.size()) {
    const std::size_t size = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16;
    const std::size_t number = byte(at + 3);
    const std::size_t first = byte(at + kHeader);
    if (size == 1 && number != 0 && (first == 1 || first == 2)) return true;
    at += kHeader + size;
  }
  return false;
}

// All fields, with NULL as an empty string. The link has limited how many there can be.
std::vector<std::vector<std::string>> FieldsOf(MYSQL_RES* result) {
  std::vector<std::vector<std::string>> rows;
  while (const MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* const lengths = mysql_fetch_lengths(result);
    std::vector<std::string>& fields = rows.emplace_back();
    for (unsigned int i = 0; i < mysql_num_fields(result); ++i) {
      fields.emplace_back(row[i] == nullptr ? std::string() : std::string(row[i], lengths[i]));
    }
  }
  return rows;
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
  if (busy()) Abandon();
  Disconnect();
}

void Probe::Begin() {
  observation_ = Observation();
  link_.ResetMeter();
  unproven_ = connection_ != nullptr;
  if (unproven_) {
    Ask(Question::kReadOnly);
  } else {
    BeginConnection();
  }
  if (busy()) Run(StartStep());
}

pollfd Probe::event() const {
  pollfd event = {-1, 0, 0};
  if (!in_client()) return event;
  event.fd = link_.spliced() ? link_.descriptor() : mysql_get_socket(connection_.get());
  if ((waits_for_ & MYSQL_WAIT_READ) != 0) event.events |= POLLIN;
  if ((waits_for_ & MYSQL_WAIT_WRITE) != 0 || link_.wants_to_write()) event.events |= POLLOUT;
  if ((waits_for_ & MYSQL_WAIT_EXCEPT) != 0) event.events |= POLLPRI;
  return event;
}

void Probe::Continue(int revents) {
  if (!busy()) return;
  if (!in_client()) return Run(ContinueStep(0));
  if (link_.spliced()) {
    const int ready = PassOn();
    if (ready != 0) Run(ContinueStep(ready));
    return;
  }
  int ready = 0;
  if ((revents & POLLIN) != 0) ready |= MYSQL_WAIT_READ;
  if ((revents & POLLOUT) != 0) ready |= MYSQL_WAIT_WRITE;
  if ((revents & POLLPRI) != 0) ready |= MYSQL_WAIT_EXCEPT;
  // The step goes on as if it were ready: its next read or write finds out what is wrong.
  if ((revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) ready |= waits_for_ & ~MYSQL_WAIT_TIMEOUT;
  if (ready != 0 && Splice()) Run(ContinueStep(ready));
}

void Probe::Expire() {
  const bool looking_up = step_ == Step::kLookUp;
  Abandon();
  // A name service that hangs says nothing about the server.
  if (looking_up) return End(OwnTrouble("its address was not found in time"));
  End(Seen::kHung, "no answer in time");
}

bool Probe::in_client() const {
  return step_ == Step::kConnect || step_ == Step::kAsk || step_ == Step::kRead;
}

void Probe::Run(int waits_for) {
  waits_for_ = waits_for;
  while (waits_for_ == 0) {
    EndStep();
    if (step_ == Step::kNone) return;
    waits_for_ = StartStep();
  }
  if (in_client() && Splice()) PassToServer();
}

bool Probe::Splice() {
  const int descriptor = mysql_get_socket(connection_.get());
  if (link_.spliced() || !MeteredLink::IsConnected(descriptor)) return true;
  const int error = link_.Splice(descriptor);
  if (error != 0) {
    Abandon();
    End(OwnTrouble(error));
    return false;
  }
  // If the file cannot be read, libmariadb would ask whoever is at the other end for a key.
  if (!server_.server_public_key_file.empty()) {
    link_.GuardWhatIsSent([](std::string_view packets) { return !AskForAKey(packets); });
  }
  return true;
}

bool Probe::PassToServer() {
  if (link_.PassToServer() != MeteredLink::State::kForbidden) return true;
  Abandon();
  End(OwnTrouble(absl::StrCat("there is no public key in ", server_.server_public_key_file)));
  return false;
}

int Probe::PassOn() {
  if (!PassToServer()) return 0;
  int ready = waits_for_ & MYSQL_WAIT_WRITE;
  if ((waits_for_ & MYSQL_WAIT_READ) == 0) return ready;
  switch (link_.PassToClient()) {
    case MeteredLink::State::kPassedOn:
      return ready | MYSQL_WAIT_READ;
    case MeteredLink::State::kTooMuch:
      Abandon();
      End(Seen::kUnreachable,
          absl::StrCat("it sent more than ", MeteredLink::kMostBytes, " bytes in one check"));
      return 0;
    default:
      return ready;
  }
}

int Probe::StartStep() {
  constexpr std::string_view kQuestions[] = {
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'server_uuid', 'server_uid', "
      "'server_id', 'hostname', 'port')",
      "SELECT @@global.read_only, @@global.innodb_read_only",
      "SHOW GLOBAL STATUS LIKE 'wsrep_ready'",
  };
  MYSQL* const connection = connection_.get();
  switch (step_) {
    case Step::kNone:
      return 0;
    case Step::kLookUp:
      if (!lookup_.has_value()) lookup_.emplace(server_.host, resolve_, wake_up_);
      return ContinueStep(0);
    case Step::kConnect: {
      const bool by_socket = !server_.unix_socket.empty();
      return mysql_real_connect_start(
          &connected_, connection, by_socket ? nullptr : addresses_[next_address_].c_str(),
          server_.user.c_str(), server_.password.c_str(), nullptr, server_.port,
          by_socket ? server_.unix_socket.c_str() : nullptr, 0);
    }
    case Step::kConnectTls:
      return ContinueStep(0);
    case Step::kAsk: {
      const std::string_view question = kQuestions[static_cast<std::size_t>(question_)];
      return mysql_real_query_start(&refused_, connection, question.data(), question.size());
    }
    case Step::kRead:
      return mysql_store_result_start(&rows_, connection);
  }
  return 0;
}

int Probe::ContinueStep(int ready) {
  MYSQL* const connection = connection_.get();
  switch (step_) {
    case Step::kNone:
      return 0;
    case Step::kLookUp:
      return lookup_->result() == nullptr ? kWaitForThread : 0;
    case Step::kConnectTls:
      return tls_->ended() ? 0 : kWaitForThread;
    case Step::kConnect:
      return mysql_real_connect_cont(&connected_, connection, ready);
    case Step::kAsk:
      return mysql_real_query_cont(&refused_, connection, ready);
    case Step::kRead:
      return mysql_store_result_cont(&rows_, connection, ready);
  }
  return 0;
}

void Probe::EndStep() {
  switch (step_) {
    case Step::kNone:
      return;
    case Step::kLookUp:
      return EndLookUp();
    case Step::kConnect:
      return EndConnect();
    case Step::kConnectTls:
      return EndConnectTls();
    case Step::kAsk:
      return EndAsk();
    case Step::kRead:
      return EndRead();
  }
}

void Probe::BeginConnection() {
  multi_writer_ = false;
  identity_.clear();
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
  connection_ = NewClientHandle(server_);
  if (connection_ == nullptr) return End(OwnTrouble("no memory for a connection"));
  if (server_.tls.mode == TlsMode::kOff) {
    step_ = Step::kConnect;
    return;
  }
  step_ = Step::kConnectTls;
  const auto ended = [](const std::unique_ptr<TlsConnection>& each) { return each->ended(); };
  abandoned_.erase(std::remove_if(abandoned_.begin(), abandoned_.end(), ended), abandoned_.end());
  tls_ = std::make_unique<TlsConnection>(std::move(connection_), server_, addresses_[next_address_],
                                         wake_up_);
}

void Probe::EndConnect() {
  if (connected_ == nullptr) return Failed();
  if (server_.tls.mode != TlsMode::kOff && mysql_get_ssl_cipher(connected_) == nullptr) {
    Disconnect();
    return End(Seen::kRefused, "it does not use TLS");
  }
  if (Splice()) Ask(Question::kWho);
}

void Probe::EndConnectTls() {
  const std::string own_trouble = tls_->own_trouble();
  const bool connected = tls_->connected();
  connection_ = tls_->Take();
  tls_.reset();
  if (!own_trouble.empty()) {
    Disconnect();
    return End(OwnTrouble(own_trouble));
  }
  connected_ = connected ? connection_.get() : nullptr;
  EndConnect();
}

void Probe::Ask(Question question) {
  question_ = question;
  step_ = Step::kAsk;
}

void Probe::EndAsk() {
  if (refused_ != 0) return Failed();
  step_ = Step::kRead;
}

void Probe::EndRead() {
  if (rows_ == nullptr) return Failed();
  const Rows rows = FieldsOf(rows_);
  mysql_free_result(std::exchange(rows_, nullptr));
  unproven_ = false;
  Answered(rows);
}

void Probe::Answered(const Rows& rows) {
  switch (question_) {
    case Question::kWho:
      LearnWho(rows);
      return Ask(Question::kReadOnly);
    case Question::kReadOnly: {
      if (rows.size() != 1 || rows[0].size() != 2) {
        return End(Seen::kRefused, "it does not tell whether it is read-only");
      }
      if (!IsOff(rows[0][0]) || !IsOff(rows[0][1])) return End(Seen::kReadOnly, "");
      if (!multi_writer_) return End(Seen::kWritable, "");
      return Ask(Question::kWsrepReady);
    }
    case Question::kWsrepReady: {
      // SHOW answers without a row if the server does not know the variable.
      const bool ready = !rows.empty() && rows[0].size() == 2 && IsOn(rows[0][1]);
      return ready ? End(Seen::kWritable, "") : End(Seen::kNotReady, "wsrep_ready is off");
    }
  }
}

// MySQL has a server_uuid, and newer versions of MariaDB have a server_uid. A copied data folder,
// or a copied machine, has the same one. So the identity holds everything that the server tells,
// and two servers look like one only if they agree in everything.
void Probe::LearnWho(const Rows& rows) {
  std::map<std::string, std::string> told;
  for (const std::vector<std::string>& row : rows) {
    if (row.size() == 2) told.emplace(row[0], row[1]);
  }
  multi_writer_ = IsOn(told["wsrep_on"]);
  identity_.clear();
  const bool unique = !told["server_uuid"].empty() || !told["server_uid"].empty();
  const bool placed = !told["hostname"].empty() && !told["port"].empty();
  if (!unique && (!placed || told["server_id"].empty())) return;
  for (const char* name : {"server_uuid", "server_uid", "server_id", "hostname", "port"}) {
    if (!told[name].empty()) absl::StrAppend(&identity_, name, "=", told[name], ";");
  }
}

void Probe::Failed() {
  Finding finding = FindingFromError(mysql_errno(connection_.get()), mysql_error(connection_.get()),
                                     link_.last_piece());
  const bool connecting = step_ == Step::kConnect || step_ == Step::kConnectTls;
  Disconnect();
  if (std::exchange(unproven_, false)) return BeginConnection();
  if (connecting && finding.seen == Seen::kUnreachable && ++next_address_ < addresses_.size()) {
    return Connect();
  }
  End(std::move(finding));
}

void Probe::End(Seen seen, std::string problem) {
  observation_ = {seen, multi_writer_, std::move(problem), identity_};
  step_ = Step::kNone;
  waits_for_ = 0;
}

void Probe::Disconnect() {
  connection_.reset();
  link_.Close();
}

void Probe::Abandon() {
  if (step_ == Step::kNone || step_ == Step::kLookUp) return;
  if (tls_ != nullptr) {
    tls_->Abandon();
    abandoned_.push_back(std::move(tls_));
  }
  link_.Cut();
  // libmariadb must unwind the step: the step's memory would leak if the connection were just
  // closed.
  while (in_client() && waits_for_ != 0) waits_for_ = ContinueStep(MYSQL_WAIT_TIMEOUT);
  if (rows_ != nullptr) mysql_free_result(std::exchange(rows_, nullptr));
  connection_.reset();
}

}  // namespace failover::mysql::internal
