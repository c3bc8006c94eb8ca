// Asks one MySQL or MariaDB server whether it takes writes, and never waits for the server.
#ifndef FAILOVER_SRC_MYSQL_PROBE_H_
#define FAILOVER_SRC_MYSQL_PROBE_H_

#include <mysql.h>
#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "failover/mysql/monitored_server.h"
#include "failover/watch/server_probe.h"
#include "watch/address_lookup.h"

namespace failover::mysql::internal {

using watch::Observation;
using watch::Seen;
using watch::internal::Addresses;
using watch::internal::AddressLookup;
using watch::internal::Resolver;

// Drives the non-blocking functions of libmariadb. The connection is kept from check to check.
class Probe final : public watch::ServerProbe {
 public:
  // `wake_up` is called on another thread when a look-up has ended, perhaps after the probe is
  // gone.
  Probe(MonitoredServer server, std::function<void()> wake_up,
        Resolver resolve = watch::internal::ResolveHost);
  ~Probe() override;

  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void Begin() override;
  bool busy() const override { return step_ != Step::kNone; }
  pollfd event() const override;
  void Continue(int revents) override;
  void Expire() override;
  const Observation& observation() const override { return observation_; }

 private:
  enum class Step : std::uint8_t { kNone, kLookUp, kConnect, kAsk, kRead };
  enum class Question : std::uint8_t { kWsrepOn, kReadOnly, kWsrepReady };

  struct CloseConnection {
    void operator()(MYSQL* connection) const { mysql_close(connection); }
  };

  // Goes through the steps until one of them must wait, or the check has ended. StartStep and
  // ContinueStep return what the step waits for, as `waits_for_` holds it.
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
  // Closes a connection on which a step waits for the server.
  void Abandon();

  const MonitoredServer server_;
  const std::function<void()> wake_up_;
  const Resolver resolve_;
  const bool needs_lookup_;

  Step step_ = Step::kNone;
  Question question_ = Question::kWsrepOn;
  // What the step waits for: libmariadb's MYSQL_WAIT_..., or 0 if the step waits for nothing.
  int waits_for_ = 0;
  // The steps of libmariadb put their results here.
  MYSQL* connected_ = nullptr;
  int refused_ = 0;
  MYSQL_RES* rows_ = nullptr;

  std::optional<AddressLookup> lookup_;
  std::vector<std::string> addresses_;
  std::size_t next_address_ = 0;

  std::unique_ptr<MYSQL, CloseConnection> connection_;
  // The connection is from an earlier check and has not answered in this one. The server may have
  // closed an idle connection, which says nothing about who is the primary.
  bool unproven_ = false;
  bool multi_writer_ = false;

  Observation observation_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_PROBE_H_
