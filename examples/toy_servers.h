// A class that stands in for two database servers in the examples, and for the health check that
// asks them. At most one of the servers takes writes. Not thread-safe.
#ifndef FAILOVER_EXAMPLES_TOY_SERVERS_H_
#define FAILOVER_EXAMPLES_TOY_SERVERS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/watch/primary_table.h"

class ToyServers {
 public:
  static constexpr const char* kAddresses[] = {"10.0.0.1:3306", "10.0.0.2:3306"};

  // Makes the server of the address the one that takes writes. Empty: none does.
  void Promote(std::string address) { writable_ = std::move(address); }

  absl::Status Execute(const std::string& address) const {
    if (address == writable_) return absl::OkStatus();
    // The server refused the statement, so the statement was certainly not executed. Mark no other
    // errors.
    return failover::MarkCausedByFailover(absl::UnavailableError("the server is read-only"));
  }

  // Tells the table of each server, also of those that take no writes.
  absl::Status Check(failover::watch::PrimaryTable& table) const {
    for (const char* address : kAddresses) {
      failover::watch::ServerReport report;
      report.keyspace = "commerce";
      report.shard = "-80";
      report.address = address;
      report.role = address == writable_ ? failover::watch::ServerRole::kPrimary
                                         : failover::watch::ServerRole::kReplica;
      report.serving = true;
      if (absl::Status told = table.Report(report); !told.ok()) return told;
    }
    return absl::OkStatus();
  }

 private:
  std::string writable_ = kAddresses[0];
};

#endif  // FAILOVER_EXAMPLES_TOY_SERVERS_H_
