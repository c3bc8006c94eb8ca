// Polls one server: asks it whether it takes writes, without ever waiting for it.
#ifndef FAILOVER_SRC_MYSQL_SERVER_POLLER_H_
#define FAILOVER_SRC_MYSQL_SERVER_POLLER_H_

#include <mysql.h>
#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "failover/mysql/primary_monitor.h"
#include "mysql/address_lookup.h"
#include "mysql/primary_election.h"

namespace failover::mysql::internal {

// Drives the non-blocking functions of libmariadb:
//
//   poller.Begin();
//   while (poller.busy()) {
//     pollfd event = poller.event();         // file descriptor -1: it waits for a look-up
//     ... poll it; then poller.Continue(event.revents), or poller.Expire() if it took too long
//   }
//   Observation found = poller.observation();
//
// The connection is kept from poll to poll. Not thread-safe.
class ServerPoller {
 public:
  // `lookup_ended` is called on another thread, perhaps after the poller is gone: Continue is due.
  ServerPoller(MonitoredServer server, std::function<void()> lookup_ended,
               Resolver resolve = ResolveHost);
  // Closes the connection; does not wait for the server.
  ~ServerPoller();

  ServerPoller(const ServerPoller&) = delete;
  ServerPoller& operator=(const ServerPoller&) = delete;

  void Begin();
  bool busy() const { return step_ != Step::kNone; }
  pollfd event() const;
  void Continue(int revents);
  // Ends the poll, with kHung.
  void Expire();

  // What the poll has found; valid when it has ended.
  const Observation& observation() const { return observation_; }

 private:
  enum class Step : std::uint8_t { kNone, kLookUp, kConnect, kAsk, kRead };
  enum class Question : std::uint8_t { kWsrepOn, kReadOnly, kWsrepReady };

  struct CloseConnection {
    void operator()(MYSQL* connection) const { mysql_close(connection); }
  };

  // Go through the steps until one must wait, or the poll has ended.
  void Run(int waits_for);
  int StartStep();
  int ContinueStep(int ready);
  void EndStep();

  void BeginConnection();
  void EndLookUp();
  void Connect();
  void Ask(Question question);
  void EndConnect();
  void EndAsk();
  void EndRead();
  void Answered(const std::vector<std::string>& row);
  void Failed();
  void End(Seen seen, std::string problem);
  // Drops a connection that waits for the server.
  void Abandon();

  const MonitoredServer server_;
  const std::function<void()> lookup_ended_;
  const Resolver resolve_;
  const bool needs_lookup_;

  Step step_ = Step::kNone;
  Question question_ = Question::kWsrepOn;
  // MYSQL_WAIT_...: what the step waits for; 0: nothing.
  int waits_for_ = 0;
  // Where the steps of libmariadb put their results.
  MYSQL* connected_ = nullptr;
  int refused_ = 0;
  MYSQL_RES* rows_ = nullptr;

  std::optional<AddressLookup> lookup_;
  std::vector<std::string> addresses_;
  std::size_t next_address_ = 0;

  std::unique_ptr<MYSQL, CloseConnection> connection_;
  // The connection is from an earlier poll and has not answered in this one. The server may have
  // closed it, which says nothing about the server.
  bool unproven_ = false;
  bool galera_ = false;

  Observation observation_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_SERVER_POLLER_H_
