// This program runs a small query router under load while its database fails over, first without
// and then with the Buffer.
//
// scripts/demo runs the program. Its flag --help tells how to run it alone.
#include <cmath>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cluster.h"
#include "number_format.h"
#include "pass.h"
#include "plot.h"
#include "report.h"
#include "simulated_cluster.h"
#include "spdlog/spdlog.h"
#ifdef FAILOVER_DEMO_MARIADB
#include "mariadb_cluster.h"
#endif
#ifdef FAILOVER_DEMO_POSTGRES
#include "postgres_cluster.h"
#endif

ABSL_FLAG(bool, simulated, false, "Simulate the servers: no database, a quarter of the time.");
ABSL_FLAG(bool, postgres, false, "Use PostgreSQL servers instead of MariaDB servers.");
ABSL_FLAG(std::string, pair_script, "",
          "The script that runs the pair of servers. Default: scripts/lib/mariadb_pair.sh, or "
          "postgres_pair.sh.");
ABSL_FLAG(std::string, pair_folder, "",
          "An empty folder for the servers; required unless --simulated.");
ABSL_FLAG(std::string, output, "failover.svg", "Where to write the picture.");
ABSL_FLAG(int, clients, 32, "How many clients work at the same time.");
ABSL_FLAG(double, rate, 1500, "How many requests per second they make together.");

namespace failover_demo {
namespace {

constexpr char kUsage[] =
    "Runs a small query router under load while its database fails over twice: a planned "
    "switchover, then kill -9 of the primary. It does so without failover::Buffer, then with it. "
    "Prints a table, writes a picture, and checks that every acknowledged row is there exactly "
    "once.\n\nExits with 0 if all is well; with 1 if the audit failed or if the buffered pass had "
    "an error that it must not have; with 2 if it could not run.";

absl::StatusOr<PassOptions> OptionsFromFlags() {
  PassOptions options;
  options.clients = absl::GetFlag(FLAGS_clients);
  options.requests_per_second = absl::GetFlag(FLAGS_rate);
  if (options.clients < 1 || options.clients > 400) {
    return absl::InvalidArgumentError("--clients must be 1 to 400");
  }
  if (!(options.requests_per_second >= 1)) {
    return absl::InvalidArgumentError("--rate must be at least 1");
  }
  if (absl::GetFlag(FLAGS_simulated)) {
    options.before = absl::Milliseconds(1200);
    options.between = absl::Milliseconds(3300);
    options.after = absl::Milliseconds(1200);
    options.detection = absl::Milliseconds(300);
    options.window = absl::Milliseconds(1500);
  }
  return options;
}

using StartPair = absl::StatusOr<std::unique_ptr<Cluster>> (*)(const std::string& pair_script,
                                                               const std::string& folder);

// The function that starts the servers; nullptr if the program was built without their client
// library.
StartPair StartPairFromFlags() {
  if (absl::GetFlag(FLAGS_postgres)) {
#ifdef FAILOVER_DEMO_POSTGRES
    return StartPostgresCluster;
#endif
  } else {
#ifdef FAILOVER_DEMO_MARIADB
    return StartMariadbCluster;
#endif
  }
  return nullptr;
}

absl::StatusOr<ClusterFactory> ClusterFromFlags() {
  if (absl::GetFlag(FLAGS_simulated)) return ClusterFactory(StartSimulatedCluster);
  const StartPair start = StartPairFromFlags();
  if (start == nullptr) {
    return absl::UnimplementedError("built without the client library of these servers");
  }
  const std::string folder = absl::GetFlag(FLAGS_pair_folder);
  if (folder.empty()) return absl::InvalidArgumentError("--pair_folder is needed");
  std::string script = absl::GetFlag(FLAGS_pair_script);
  if (script.empty()) {
    script = absl::GetFlag(FLAGS_postgres) ? "scripts/lib/postgres_pair.sh"
                                           : "scripts/lib/mariadb_pair.sh";
  }
  return ClusterFactory([start, script, folder] { return start(script, folder); });
}

const char* ServersFromFlags() {
  if (absl::GetFlag(FLAGS_simulated)) return "simulated servers";
  return absl::GetFlag(FLAGS_postgres) ? "PostgreSQL servers" : "MariaDB servers";
}

std::string Subtitle() {
  return absl::StrCat(absl::GetFlag(FLAGS_clients), " clients, ",
                      WithCommas(std::llround(absl::GetFlag(FLAGS_rate))),
                      " requests per second (INSERT and SELECT), two ", ServersFromFlags());
}

absl::Status WriteFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PassResult>> RunPasses() {
  const absl::StatusOr<PassOptions> options = OptionsFromFlags();
  if (!options.ok()) return options.status();
  const absl::StatusOr<ClusterFactory> start_cluster = ClusterFromFlags();
  if (!start_cluster.ok()) return start_cluster.status();
  std::vector<PassResult> passes;
  for (const bool buffered : {false, true}) {
    std::cout << (buffered ? "\nWith the buffer\n" : "Without the buffer\n") << std::flush;
    absl::StatusOr<PassResult> pass = RunPass(*options, buffered, *start_cluster);
    if (!pass.ok()) return pass.status();
    passes.push_back(*std::move(pass));
  }
  return passes;
}

// The progress lines already tell what the Buffer would log, except for its warnings.
void SilenceTheBuffer() {
  const auto logger = spdlog::default_logger()->clone("failover");
  logger->set_level(spdlog::level::warn);
  spdlog::register_logger(logger);
}

int Main() {
  SilenceTheBuffer();
  const absl::StatusOr<std::vector<PassResult>> passes = RunPasses();
  if (!passes.ok()) {
    std::cerr << passes.status().ToString() << "\n";
    return 2;
  }
  std::cout << "\n" << Table(*passes) << "\n";
  const std::string output = absl::GetFlag(FLAGS_output);
  if (const absl::Status written = WriteFile(output, Plot(*passes, Subtitle())); !written.ok()) {
    std::cerr << written.ToString() << "\n";
    return 2;
  }
  std::cout << "The picture: " << output << "\n";

  bool failed = false;
  for (const PassResult& pass : *passes) {
    for (const std::string& failure : Failures(pass)) {
      std::cout << "FAILED, " << (pass.buffered ? "with" : "without") << " the buffer: " << failure
                << "\n";
      failed = true;
    }
  }
  if (!failed) {
    std::cout << "OK: every acknowledged row is there exactly once, and with the buffer no client "
                 "saw an error but for the statements in flight when the primary crashed.\n";
  }
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace failover_demo

int main(int argc, char* argv[]) {
  absl::SetProgramUsageMessage(failover_demo::kUsage);
  absl::FlagsUsageConfig usage;
  usage.contains_help_flags = [](auto file) { return absl::EndsWith(file, "main.cc"); };
  absl::SetFlagsUsageConfig(usage);
  absl::ParseCommandLine(argc, argv);
  return failover_demo::Main();
}
