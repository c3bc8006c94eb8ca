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
#include <utility>
#include <vector>

#include "failover/mysql/monitored_server.h"
#include "failover/watch/server_probe.h"
#include "mysql/client_handle.h"
#include "mysql/probe_errors.h"
#include "mysql/tls_connection.h"
#include "watch/address_lookup.h"
#include "watch/metered_link.h"

namespace failover::mysql::internal {

using watch::Observation;
using watch::Seen;
using watch::internal::Addresses;
using watch::internal::AddressLookup;
using watch::internal::MeteredLink;
using watch::internal::Resolver;

// Drives the non-blocking functions of libmariadb. The connection is kept from check to check.
class Probe final : public watch::ServerProbe {
 public:
  // `wake_up` is called on another thread when a look-up or an attempt to connect has ended. A
  // look-up may end after the probe is gone.
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
  enum class Step : std::uint8_t { kNone, kLookUp, kConnect, kConnectTls, kAsk, kRead };
  enum class Question : std::uint8_t { kWho, kReadOnly, kWsrepReady };
  using Rows = std::vector<std::vector<std::string>>;

  // Goes through the steps until one of them must wait, or the check has ended. StartStep and
  // ContinueStep return what the step waits for, as `waits_for_` holds it.
  void Run(int waits_for);
  int StartStep();
  int ContinueStep(int ready);
  void EndStep();
  // Whether the step runs in libmariadb on this thread.
  bool in_client() const;

  // These two return false if they have ended the check. The first puts the link between libmariadb
  // and the server once there is a connection. The second passes on what libmariadb has sent.
  bool Splice();
  bool PassToServer();
  // Passes on what both sides have sent. Returns what libmariadb waited for and has got.
  int PassOn();

  void BeginConnection();
  void EndLookUp();
  void Connect();
  void Ask(Question question);
  void EndConnect();
  void EndConnectTls();
  void EndAsk();
  void EndRead();
  void Answered(const Rows& rows);
  void LearnWho(const Rows& rows);
  void Failed();
  void End(Seen seen, std::string problem);
  void End(Finding finding) { End(finding.seen, std::move(finding.problem)); }
  // Closes a connection that waits for nothing.
  void Disconnect();
  // Closes a connection on which a step may wait for the server.
  void Abandon();

  const MonitoredServer server_;
  const std::function<void()> wake_up_;
  const Resolver resolve_;
  const bool needs_lookup_;

  Step step_ = Step::kNone;
  Question question_ = Question::kWho;
  // What the step waits for: libmariadb's MYSQL_WAIT_..., kWaitForThread, or 0 if the step waits
  // for nothing.
  int waits_for_ = 0;
  // The steps of libmariadb put their results here.
  MYSQL* connected_ = nullptr;
  int refused_ = 0;
  MYSQL_RES* rows_ = nullptr;

  std::optional<AddressLookup> lookup_;
  std::vector<std::string> addresses_;
  std::size_t next_address_ = 0;

  MeteredLink link_;
  std::unique_ptr<TlsConnection> tls_;
  // Attempts of checks that had no time left. Their threads end soon, and no check waits for them.
  std::vector<std::unique_ptr<TlsConnection>> abandoned_;
  ClientHandle connection_;
  // The connection is from an earlier check and has not answered in this one. The server may have
  // closed an idle connection, which says nothing about who is the primary.
  bool unproven_ = false;
  // What the server at the other end of the connection told about itself.
  bool multi_writer_ = false;
  std::string identity_;

  Observation observation_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_PROBE_H_
