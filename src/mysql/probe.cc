#include "mysql/probe.h"

#include <errmsg.h>
#include <mysqld_error.h>

#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace failover::mysql::internal {
namespace {

// What a step waits for, in addition to libmariadb's MYSQL_WAIT_...: the look-up of an address.
constexpr int kWaitForLookUp = 1 << 8;

// The stack of the coroutine on which libmariadb runs a step. Authentication plugins are loaded on
// this stack.
constexpr std::size_t kStackBytes = std::size_t{256} * 1024;

// The authentication plugins that never send the password in the clear.
constexpr char kAuthentication[] =
    "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password";

// A handle that is not connected yet; nullptr if there is no memory.
MYSQL* NewConnection(bool by_socket) {
  MYSQL* const connection = mysql_init(nullptr);
  if (connection == nullptr) return nullptr;
  const std::size_t stack = kStackBytes;
  mysql_options(connection, MYSQL_OPT_NONBLOCK, &stack);
  const unsigned int protocol = by_socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
  mysql_options(connection, MYSQL_OPT_PROTOCOL, &protocol);
  const unsigned int no = 0;
  mysql_options(connection, MYSQL_OPT_LOCAL_INFILE, &no);
  // libmariadb 3.4 insists on TLS unless it is told otherwise.
  const my_bool off = 0;
  mysql_options(connection, MYSQL_OPT_SSL_ENFORCE, &off);
  mysql_options(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
  mysql_options(connection, MARIADB_OPT_RESTRICTED_AUTH, kAuthentication);
  mysql_optionsv(connection, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "failover-monitor");
  return connection;
}

bool IsOn(const std::string& value) { return value == "1" || absl::EqualsIgnoreCase(value, "on"); }
bool IsOff(const std::string& value) {
  return value == "0" || absl::EqualsIgnoreCase(value, "off");
}

Seen SeenFromError(unsigned int number) {
  switch (number) {
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
      return Seen::kFull;
    // The server will be gone soon. The server counts as unreachable and not as refusing, because a
    // server that refuses is checked less often.
    case ER_SERVER_SHUTDOWN:
      return Seen::kUnreachable;
    // A Galera node answers with this error while it is not part of its cluster.
    case ER_UNKNOWN_COM_ERROR:
      return Seen::kNotReady;
    // The client library makes these errors, but from an answer of the server.
    case CR_AUTH_PLUGIN_CANNOT_LOAD:
    case CR_AUTH_PLUGIN_ERR:
    case CR_PLUGIN_NOT_ALLOWED:
      return Seen::kRefused;
    default:
      break;
  }
  const bool from_client = IS_MYSQL_ERROR(number) || IS_MARIADB_ERROR(number);
  return from_client ? Seen::kUnreachable : Seen::kRefused;
}

// The fields of the first row, with NULL as an empty string. Empty if there is no row.
std::vector<std::string> FirstRow(MYSQL_RES* rows) {
  std::vector<std::string> fields;
  const MYSQL_ROW row = mysql_fetch_row(rows);
  if (row == nullptr) return fields;
  const unsigned long* const lengths = mysql_fetch_lengths(rows);
  for (unsigned int i = 0; i < mysql_num_fields(rows); ++i) {
    fields.emplace_back(row[i] == nullptr ? std::string() : std::string(row[i], lengths[i]));
  }
  return fields;
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

Probe::~Probe() { Abandon(); }

void Probe::Begin() {
  observation_ = Observation();
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
  if (step_ == Step::kNone || step_ == Step::kLookUp) return event;
  event.fd = mysql_get_socket(connection_.get());
  if ((waits_for_ & MYSQL_WAIT_READ) != 0) event.events |= POLLIN;
  if ((waits_for_ & MYSQL_WAIT_WRITE) != 0) event.events |= POLLOUT;
  if ((waits_for_ & MYSQL_WAIT_EXCEPT) != 0) event.events |= POLLPRI;
  return event;
}

void Probe::Continue(int revents) {
  int ready = 0;
  if ((revents & POLLIN) != 0) ready |= MYSQL_WAIT_READ;
  if ((revents & POLLOUT) != 0) ready |= MYSQL_WAIT_WRITE;
  if ((revents & POLLPRI) != 0) ready |= MYSQL_WAIT_EXCEPT;
  // The step goes on as if it were ready: its next read or write finds out what is wrong.
  if ((revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) ready |= waits_for_ & ~MYSQL_WAIT_TIMEOUT;
  if (step_ == Step::kLookUp || ready != 0) Run(ContinueStep(ready));
}

void Probe::Expire() {
  const bool looking_up = step_ == Step::kLookUp;
  Abandon();
  End(Seen::kHung, looking_up ? "its address was not found in time" : "no answer in time");
}

void Probe::Run(int waits_for) {
  waits_for_ = waits_for;
  while (waits_for_ == 0) {
    EndStep();
    if (step_ == Step::kNone) return;
    waits_for_ = StartStep();
  }
}

int Probe::StartStep() {
  constexpr std::string_view kQuestions[] = {
      "SHOW GLOBAL VARIABLES LIKE 'wsrep_on'",
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
      return lookup_->result() == nullptr ? kWaitForLookUp : 0;
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
    case Step::kAsk:
      return EndAsk();
    case Step::kRead:
      return EndRead();
  }
}

void Probe::BeginConnection() {
  multi_writer_ = false;
  next_address_ = 0;
  if (needs_lookup_) {
    step_ = Step::kLookUp;
  } else {
    Connect();
  }
}

void Probe::EndLookUp() {
  const Addresses found = *lookup_->result();
  lookup_.reset();
  // A name server that fails together with the primary must not prevent the failover.
  if (!found.numeric.empty()) addresses_ = found.numeric;
  if (addresses_.empty()) {
    return End(Seen::kUnreachable, absl::StrCat("its address was not found: ", found.error));
  }
  Connect();
}

void Probe::Connect() {
  connection_.reset(NewConnection(!server_.unix_socket.empty()));
  if (connection_ == nullptr) return End(Seen::kUnreachable, "no memory for a connection");
  step_ = Step::kConnect;
}

void Probe::EndConnect() {
  if (connected_ == nullptr) return Failed();
  Ask(Question::kWsrepOn);
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
  const std::vector<std::string> row = FirstRow(rows_);
  mysql_free_result(std::exchange(rows_, nullptr));
  unproven_ = false;
  Answered(row);
}

void Probe::Answered(const std::vector<std::string>& row) {
  // SHOW answers without a row if the server does not know the variable.
  const bool is_on = row.size() == 2 && IsOn(row[1]);
  switch (question_) {
    case Question::kWsrepOn:
      multi_writer_ = is_on;
      return Ask(Question::kReadOnly);
    case Question::kReadOnly: {
      if (row.size() != 2) return End(Seen::kRefused, "it does not tell whether it is read-only");
      if (!IsOff(row[0]) || !IsOff(row[1])) return End(Seen::kReadOnly, "");
      if (!multi_writer_) return End(Seen::kWritable, "");
      return Ask(Question::kWsrepReady);
    }
    case Question::kWsrepReady:
      return is_on ? End(Seen::kWritable, "") : End(Seen::kNotReady, "wsrep_ready is off");
  }
}

void Probe::Failed() {
  const unsigned int number = mysql_errno(connection_.get());
  const Seen seen = SeenFromError(number);
  std::string problem = absl::StrCat(number, " ", mysql_error(connection_.get()));
  const bool connecting = step_ == Step::kConnect;
  connection_.reset();
  if (std::exchange(unproven_, false)) return BeginConnection();
  if (connecting && seen == Seen::kUnreachable && ++next_address_ < addresses_.size()) {
    return Connect();
  }
  End(seen, std::move(problem));
}

void Probe::End(Seen seen, std::string problem) {
  observation_ = {seen, multi_writer_, std::move(problem)};
  step_ = Step::kNone;
  waits_for_ = 0;
}

void Probe::Abandon() {
  if (step_ == Step::kNone || step_ == Step::kLookUp) return;
  // libmariadb must unwind the step: the step's memory would leak if the connection were just
  // closed.
  while (waits_for_ != 0) waits_for_ = ContinueStep(MYSQL_WAIT_TIMEOUT);
  if (rows_ != nullptr) mysql_free_result(std::exchange(rows_, nullptr));
  connection_.reset();
}

}  // namespace failover::mysql::internal
