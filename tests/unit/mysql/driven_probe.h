// A probe of a FakeServer that a test drives as a monitor does.
#ifndef FAILOVER_TESTS_UNIT_MYSQL_DRIVEN_PROBE_H_
#define FAILOVER_TESTS_UNIT_MYSQL_DRIVEN_PROBE_H_

#include "mysql/probe.h"
#include "support/driven_probe.h"
#include "support/fake_mysql_server.h"

namespace failover::mysql::internal {

inline constexpr char kPassword[] = "a-secret-nobody-may-see";

inline MonitoredServer ServerOf(const FakeServer& fake) {
  MonitoredServer server;
  server.host = "127.0.0.1";
  server.port = fake.port();
  server.user = "monitor";
  server.password = kPassword;
  return server;
}

using DrivenProbe = test::DrivenProbe<Probe>;

}  // namespace failover::mysql::internal

#endif  // FAILOVER_TESTS_UNIT_MYSQL_DRIVEN_PROBE_H_
