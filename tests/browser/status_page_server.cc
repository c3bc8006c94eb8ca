// Serves the status page of a proxy whose shards do what the lines on stdin say.
//
// The program uses the proxy's own status page and HTTP server, a Buffer and a clock that moves
// only when a line says so. So the page shows the same in each run. The words of a line are
// separated by tabs, and the program answers each line with "ok" or with what is wrong. Its first
// line on stdout is "port <number>".
//
//   advance <seconds>                    moves the clock, and does what is due
//   shard <keyspace> <shard>             makes a shard known
//   primary <backend> <keyspace> <shard> a backend (0 or 1) reports that it serves as the primary
//   down <backend> <keyspace> <shard>    the backend reports that it does not serve
//   see <backend> <state> <reason>       the monitor sees the backend so: the name of a ServerState
//   hold <requests> <keyspace> <shard>   so many requests are refused, and held
//   pass <requests> <keyspace> <shard>   so many requests are refused, and are not held
//   retried <keyspace> <shard>           the retries of the shard succeed
//   refused <keyspace> <shard>           the retries that are under way now are refused
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"
#include "failover/watch/server_view.h"
#include "proxy/core/failover_history.h"
#include "proxy/core/http_server.h"
#include "proxy/core/listener.h"
#include "proxy/core/protocol.h"
#include "proxy/core/router.h"
#include "proxy/core/status_page.h"
#include "proxy/core/status_sources.h"

namespace proxy::test {
namespace {

using failover::watch::ServerState;
using failover::watch::ServerView;

// The program takes no clients of a database.
class NoProtocol final : public Protocol {
 public:
  std::unique_ptr<Session> Accept(Socket, std::uint32_t, Admission) const override { std::abort(); }
  std::string RefusalPacket() const override { return {}; }
};

class Shards {
 public:
  Shards() {
    failover::BufferOptions options;
    options.threading = failover::Threading::kManual;
    options.clock = &clock_;
    options.size = 10'000;
    options.log = [](failover::LogLevel, std::string_view) {};
    options.on_transition = [this](const failover::Transition& change) { history_.Note(change); };
    buffer_ = failover::Buffer::Create(std::move(options)).value();
    options_.max_connections = 1000;
    options_.backends = {{"192.168.0.11", 33061}, {"192.168.0.12", 33061}};
    for (std::size_t i = 0; i < options_.backends.size(); ++i) {
      ServerView view;
      view.alias = Router::AliasOf(i);
      views_.push_back(view);
    }
    router_ = std::make_unique<Router>(options_.backends, *buffer_);
    context_ =
        std::make_unique<Context>(Context{options_, *router_, *buffer_, failover::ShardHandle()});
  }

  const Context& context() const { return *context_; }
  const FailoverHistory& history() const { return history_; }
  std::vector<ServerView> views() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return views_;
  }

  // Says "ok", or what is wrong with the line.
  std::string Do(const std::string& line) {
    const std::vector<std::string> words = absl::StrSplit(line, '\t');
    const std::string& verb = words.front();
    std::uint64_t number = 0;
    const bool numbered = words.size() > 1 && absl::SimpleAtoi(words[1], &number);
    if (verb == "advance" && words.size() == 2 && numbered) return Advance(number);
    if (verb == "shard" && words.size() == 3) return Know(words[1], words[2]);
    if (verb == "retried" && words.size() == 3) return EndRetries({words[1], words[2]});
    if (verb == "refused" && words.size() == 3) return RefuseRetries({words[1], words[2]});
    if (words.size() != 4 || !numbered) return absl::StrCat("no command: ", line);
    if (verb == "see") return See(number, words[2], words[3]);
    const Name name(words[2], words[3]);
    if (verb == "hold") return Hold(number, name);
    if (verb == "pass") return Pass(number, name);
    const bool known_backend = number < options_.backends.size();
    if (known_backend && verb == "primary") return Report(number, name, true);
    if (known_backend && verb == "down") return Report(number, name, false);
    return absl::StrCat("no command: ", line);
  }

 private:
  using Name = std::pair<std::string, std::string>;

  std::string Advance(std::uint64_t seconds) {
    clock_.Advance(absl::Seconds(static_cast<std::int64_t>(seconds)));
    return Poll();
  }

  std::string Poll() {
    while (buffer_->Poll() == absl::ZeroDuration()) continue;
    return "ok";
  }

  std::string Know(const std::string& keyspace, const std::string& shard) {
    return buffer_->GetShard(keyspace, shard) ? "ok" : "the shard is refused";
  }

  std::string See(std::size_t backend, const std::string& state, const std::string& reason) {
    if (backend >= views_.size()) return "no such backend";
    const std::lock_guard<std::mutex> lock(mutex_);
    ServerView& view = views_[backend];
    std::size_t found = 0;
    while (failover::watch::ToString(static_cast<ServerState>(found)) != state) {
      if (++found == failover::watch::kServerStates) return "no such state";
    }
    view.state = static_cast<ServerState>(found);
    view.reason = reason;
    const bool answers = view.state == ServerState::kPrimary || view.state == ServerState::kReplica;
    if (answers) view.answered_at = buffer_->Now();
    return "ok";
  }

  std::string Report(std::size_t backend, const Name& name, bool serving) {
    failover::TabletStats stats;
    stats.alias = Router::AliasOf(backend);
    stats.target = {name.first, name.second, failover::TabletType::kPrimary};
    stats.up = true;
    stats.serving = serving;
    stats.observed_at = buffer_->Now();
    stats.tablet_externally_reparented_timestamp = serving ? ++term_ : term_;
    router_->StatsUpdate(stats);
    return Poll();
  }

  static absl::Status Refusal() {
    return failover::MarkCausedByFailover(absl::UnavailableError("the server is read-only"));
  }

  std::string Hold(std::uint64_t requests, const Name& name) {
    const failover::ShardHandle shard = buffer_->GetShard(name.first, name.second);
    const absl::Status refusal = Refusal();
    for (std::uint64_t i = 0; i < requests; ++i) {
      absl::StatusOr<failover::BufferedRequest> held = buffer_->WaitForFailoverEndAsync(
          {}, shard, refusal, [this, name](absl::StatusOr<failover::RetryDoneFunc> done) {
            if (done.ok()) retries_[name].push_back(*std::move(done));
          });
      if (!held.ok()) return std::string(held.status().message());
      if (!*held) return "the request is not held";
      held_.push_back(*std::move(held));
    }
    return "ok";
  }

  std::string Pass(std::uint64_t requests, const Name& name) {
    const failover::ShardHandle shard = buffer_->GetShard(name.first, name.second);
    for (std::uint64_t i = 0; i < requests; ++i) {
      buffer_->NoteRefused(shard, "the server is read-only");
    }
    return "ok";
  }

  // Each retry that ends lets the next request go, until the shard is idle.
  std::string EndRetries(const Name& name) {
    while (!retries_[name].empty()) {
      std::vector<failover::RetryDoneFunc> ended = std::exchange(retries_[name], {});
      for (failover::RetryDoneFunc& done : ended) done(absl::OkStatus());
      Poll();
    }
    return "ok";
  }

  std::string RefuseRetries(const Name& name) {
    std::vector<failover::RetryDoneFunc> ended = std::exchange(retries_[name], {});
    for (failover::RetryDoneFunc& done : ended) done(Refusal());
    return Poll();
  }

  failover::SimulatedClock clock_{absl::FromUnixSeconds(1'000'000)};
  Options options_;
  FailoverHistory history_;
  std::unique_ptr<failover::Buffer> buffer_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Context> context_;
  std::uint64_t term_ = 1;
  std::map<Name, std::vector<failover::RetryDoneFunc>> retries_;
  std::vector<failover::BufferedRequest> held_;
  mutable std::mutex mutex_;
  // Written on the thread that reads the lines, and read by the page. Guarded by `mutex_`.
  std::vector<ServerView> views_;
};

// The port is that of the argument, or one that the system chooses.
int Run(std::uint16_t port) {
  Shards shards;
  asio::io_context io(1);
  const NoProtocol protocol;
  const Listener listener(shards.context(), protocol, io);
  const StatusSources sources{shards.context(), listener, shards.history(),
                              [&shards] { return shards.views(); }};
  HttpServer server(io, [&sources](std::string_view path) { return StatusPage(sources, path); });
  if (const absl::Status status = server.Listen({"127.0.0.1", port}); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  const auto work = asio::make_work_guard(io);
  std::thread thread([&io] { io.run(); });
  std::cout << "port " << server.port() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) std::cout << shards.Do(line) << std::endl;
  io.stop();
  thread.join();
  return 0;
}

}  // namespace
}  // namespace proxy::test

int main(int argc, char** argv) {
  int port = 0;
  if (argc > 2 || (argc == 2 && (!absl::SimpleAtoi(argv[1], &port) || port < 0 || port > 65535))) {
    std::cerr << "usage: status_page_server [<port>]\n";
    return 2;
  }
  return proxy::test::Run(static_cast<std::uint16_t>(port));
}
