// Clients that insert rows into the table `ledger`, one by one, and keep a record of what they were
// told. Whatever happens, they go on, as an application with a pool of connections does. SIGTERM
// ends them.
//
// usage: ledger_clients <conninfo> <record> <clients> <rows per second> <first row>
//
// The record has a line per row: when the client asked, when it was answered (both in ms of the
// wall clock), the row, and what it was told. That is `ok`, `connect` (there was no connection, so
// nothing was sent), `lost` (the connection ended without an error message), or an SQLSTATE and the
// text of the message, as in `57P03:the_database_system_is_starting_up`.
#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::int64_t kRowsPerClient = 500'000;
constexpr std::chrono::milliseconds kPauseAfterError(20);

struct Options {
  std::string conninfo;
  int clients = 0;
  double rows_per_second = 0;
  std::int64_t first_row = 0;
};

struct Entry {
  double asked = 0;
  double answered = 0;
  std::int64_t row = 0;
  std::string outcome;
};

struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};

double WallClockMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

std::atomic<bool> ended{false};

void End(int /*signal*/) { ended = true; }

void IgnoreNotice(void*, const PGresult*) {}

class Client {
 public:
  explicit Client(const Options& options) : options_(options) {}

  // Returns what the client was told.
  std::string Insert(std::int64_t row) {
    if (connection_ == nullptr || PQstatus(connection_.get()) != CONNECTION_OK) {
      connection_.reset(PQconnectdb(options_.conninfo.c_str()));
      if (PQstatus(connection_.get()) != CONNECTION_OK) return "connect";
      PQsetNoticeReceiver(connection_.get(), IgnoreNotice, nullptr);
    }
    const std::string sql = "INSERT INTO ledger VALUES (" + std::to_string(row) + ")";
    if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return "lost";
    std::string outcome;
    while (const auto result =
               std::unique_ptr<PGresult, FreeResult>(PQgetResult(connection_.get()))) {
      // libpq adds a result of its own to the last error of a connection.
      if (outcome.empty()) outcome = OutcomeOf(result.get());
    }
    return outcome.empty() ? "lost" : outcome;
  }

 private:
  static std::string OutcomeOf(const PGresult* result) {
    if (PQresultStatus(result) == PGRES_COMMAND_OK) return "ok";
    const char* const sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (sqlstate == nullptr) return "lost";
    std::string text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    std::replace(text.begin(), text.end(), ' ', '_');
    return std::string(sqlstate) + ":" + text;
  }

  const Options& options_;
  std::unique_ptr<PGconn, CloseConnection> connection_;
};

std::vector<Entry> RunClient(const Options& options, int number) {
  std::vector<Entry> record;
  Client client(options);
  const std::chrono::duration<double> period(options.clients / options.rows_per_second);
  Steady::time_point next = Steady::now();
  for (std::int64_t row = options.first_row + number * kRowsPerClient; !ended; ++row) {
    std::this_thread::sleep_until(next);
    Entry entry;
    entry.row = row;
    entry.asked = WallClockMs();
    entry.outcome = client.Insert(row);
    entry.answered = WallClockMs();
    if (entry.outcome != "ok") std::this_thread::sleep_for(kPauseAfterError);
    record.push_back(entry);
    // The client keeps its rhythm, however long the row took.
    do {
      next += std::chrono::duration_cast<Steady::duration>(period);
    } while (next < Steady::now());
  }
  return record;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 6) {
    std::fputs("usage: ledger_clients <conninfo> <record> <clients> <rate> <row>\n", stderr);
    return 2;
  }
  Options options;
  options.conninfo = argv[1];
  options.clients = std::atoi(argv[3]);
  options.rows_per_second = std::atof(argv[4]);
  options.first_row = std::atoll(argv[5]);
  std::signal(SIGTERM, End);

  std::vector<std::vector<Entry>> records(static_cast<std::size_t>(options.clients));
  std::vector<std::thread> threads;
  for (int i = 0; i < options.clients; ++i) {
    threads.emplace_back(
        [&options, &records, i] { records[static_cast<std::size_t>(i)] = RunClient(options, i); });
  }
  for (std::thread& thread : threads) thread.join();

  std::FILE* const file = std::fopen(argv[2], "w");
  if (file == nullptr) return 1;
  for (const std::vector<Entry>& record : records) {
    for (const Entry& entry : record) {
      std::fprintf(file, "%.1f %.1f %lld %s\n", entry.asked, entry.answered,
                   static_cast<long long>(entry.row), entry.outcome.c_str());
    }
  }
  return std::fclose(file) == 0 ? 0 : 1;
}
