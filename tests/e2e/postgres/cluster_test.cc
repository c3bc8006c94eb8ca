#include "cluster_test.h"

namespace postgres_proxy {

void ClusterTest::SwitchOver(const std::string& socket) const {
  Program switchover({FAILOVERCTL, "--socket=" + socket, "switchover", "--grace=1m",
                      "--quiet-timeout=100s",
                      "--run=" PSQL " --no-psqlrc --host=127.0.0.1 --username=postgres "
                      "--command='SELECT pg_promote()' " +
                          PortFlag(replica_->port())});
  EXPECT_EQ(switchover.Await(), 0) << switchover.Output() << proxy_->Output();
}

}  // namespace postgres_proxy
