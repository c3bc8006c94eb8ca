// Asks one PostgreSQL server whether it takes writes, and never waits for the server.
#ifndef FAILOVER_SRC_POSTGRES_PROBE_H_
#define FAILOVER_SRC_POSTGRES_PROBE_H_

#include <libpq-fe.h>
#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failover/postgres/monitored_server.h"
#include "failover/watch/server_probe.h"
#include "postgres/connection.h"
#include "postgres/login_guard.h"
#include "postgres/probe_errors.h"
#include "watch/address_lookup.h"
#include "watch/metered_link.h"

namespace failover::postgres::internal {

using watch::Observation;
using watch::Seen;
using watch::internal::Addresses;
using watch::internal::AddressLookup;
using watch::internal::MeteredLink;
using watch::internal::Resolver;

// Drives the asynchronous functions of libpq. The connection is kept from check to check.
class Probe final : public watch::ServerProbe {
 public:
  // `wake_up` is called on another thread when a look-up has ended, which may be after the probe is
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
  enum class Step : std::uint8_t { kNone, kLookUp, kConnect, kLogin, kAsk };

  // Goes on after libpq got something to read, until libpq waits again or the check has ended.
  void Run();
  // Lets libpq go on as far as it comes. Returns false if libpq waits for the server.
  bool GoOn();
  bool GoOnWithLogin();
  bool GoOnWithAnswer();
  // Passes on what both sides have sent. Returns whether libpq has got something to read.
  bool PassOn();

  void BeginConnection();
  void EndLookUp();
  void Connect();
  // Puts the link between libpq and the server once there is a connection.
  void Splice();
  void Ask();
  // The server has answered the question, and the answer is complete.
  void Answered();
  void LearnFrom(const PGresult* row);
  void Failed(const char* text);
  void Forbidden();
  void End(Seen seen, std::string problem);
  void End(Finding finding) { End(finding.seen, std::move(finding.problem)); }
  // Closes the connection. The server is told only if libpq and the server are in step.
  void Disconnect();
  void Abandon();

  const MonitoredServer server_;
  const std::function<void()> wake_up_;
  const Resolver resolve_;
  const bool needs_lookup_;

  Step step_ = Step::kNone;
  // The attempt to connect has ended, well or not.
  bool connecting_ended_ = false;
  // What libpq waits for while it logs in.
  PostgresPollingStatusType waits_for_ = PGRES_POLLING_OK;
  // How far libpq had come in the login.
  Stage stage_ = Stage::kConnecting;
  // The first answer to the question.
  Result answer_;

  std::optional<AddressLookup> lookup_;
  std::vector<std::string> addresses_;
  std::size_t next_address_ = 0;

  MeteredLink link_;
  LoginGuard guard_;
  Connection connection_;
  // The connection is from an earlier check and has not answered in this one. The server may have
  // closed an idle connection, which says nothing about who is the primary.
  bool unproven_ = false;

  Observation observation_;
};

}  // namespace failover::postgres::internal

#endif  // FAILOVER_SRC_POSTGRES_PROBE_H_
