#include "support/live_etcd.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <utility>

namespace failover::test {

LiveEtcd::LiveEtcd(std::vector<std::string> options, std::string scheme)
    : options_(std::move(options)), scheme_(std::move(scheme)) {}

LiveEtcd::~LiveEtcd() { Stop(); }

std::string LiveEtcd::url() const { return scheme_ + "://127.0.0.1:" + std::to_string(port()); }

bool LiveEtcd::Start() {
  const std::string peer = "http://127.0.0.1:" + std::to_string(peer_port_.port());
  std::vector<std::string> command = {ETCD,
                                      "--name=only",
                                      "--data-dir=" + folder_.path() + "/data",
                                      "--listen-client-urls=" + url(),
                                      "--advertise-client-urls=" + url(),
                                      "--listen-peer-urls=" + peer,
                                      "--initial-advertise-peer-urls=" + peer,
                                      "--initial-cluster=only=" + peer,
                                      "--unsafe-no-fsync"};
  command.insert(command.end(), options_.begin(), options_.end());
  process_ = Launch(command, folder_.path() + "/log");
  const bool answers = Await([this] { return Control({"get", "/", "--keys-only"}); });
  if (!answers) ADD_FAILURE() << std::ifstream(folder_.path() + "/log").rdbuf();
  return answers;
}

void LiveEtcd::Stop() {
  if (process_ > 0) KillAndWait(process_);
  process_ = -1;
}

void LiveEtcd::Forget() const { std::filesystem::remove_all(folder_.path() + "/data"); }

bool LiveEtcd::Control(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"/usr/bin/env", "ETCDCTL_API=3", ETCDCTL,
                                       "--endpoints=" + url(), "--command-timeout=2s"});
  arguments.insert(arguments.end(), control_.begin(), control_.end());
  const pid_t process = Launch(std::move(arguments), folder_.path() + "/control");
  int status = -1;
  return process > 0 && waitpid(process, &status, 0) == process && status == 0;
}

void LiveEtcd::Put(const std::string& key, const std::string& value) const {
  EXPECT_TRUE(Control({"put", key, value})) << key;
}

void LiveEtcd::Delete(const std::string& key) const { EXPECT_TRUE(Control({"del", key})) << key; }

}  // namespace failover::test
