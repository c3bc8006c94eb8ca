// A probe of a FakeServer that a test drives as a monitor does.
#ifndef FAILOVER_TESTS_UNIT_POSTGRES_DRIVEN_PROBE_H_
#define FAILOVER_TESTS_UNIT_POSTGRES_DRIVEN_PROBE_H_

#include <optional>
#include <string>
#include <vector>

#include "postgres/probe.h"
#include "support/driven_probe.h"
#include "support/fake_postgres_server.h"

namespace failover::postgres::internal {

inline constexpr char kPassword[] = "a-secret-nobody-may-see";

inline MonitoredServer ServerOf(const FakeServer& fake) {
  MonitoredServer server;
  server.alias = {"zone1", 1};
  server.host = "127.0.0.1";
  server.port = fake.port();
  server.user = "monitor";
  server.password = kPassword;
  return server;
}

// The fields of the answer to the probe's question.
using Fields = std::vector<std::optional<std::string>>;
inline Fields PrimaryOn(const std::string& timeline) {
  return {"f", timeline, "7001", "1700000000.25", "5432", ""};
}
inline Fields Standby() { return {"t", std::nullopt, "7001", "1700000000.5", "5432", ""}; }

// A server that asks for no password, and answers every question with these fields.
inline FakeServer::Script Answering(const Fields& fields) { return {{LoggedIn(), Answer(fields)}}; }

using DrivenProbe = test::DrivenProbe<Probe>;

}  // namespace failover::postgres::internal

#endif  // FAILOVER_TESTS_UNIT_POSTGRES_DRIVEN_PROBE_H_
