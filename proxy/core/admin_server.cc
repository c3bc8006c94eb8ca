#include "proxy/core/admin_server.h"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace proxy {
namespace {

constexpr std::string_view kTooMany = "ERR FAILED too many connections\n";
// How long the server waits after accept() has failed.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kDrainCheckInterval{20};

}  // namespace

AdminServer::AdminServer(asio::io_context& io, const Context& context, const AdminLimits& limits)
    : executor_(io.get_executor()), context_(context), limits_(limits), acceptor_(executor_) {}

absl::Status AdminServer::Listen(const std::string& path) {
  absl::StatusOr<std::unique_ptr<SocketFile>> file = SocketFile::Listen(path);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  std::error_code error;
  acceptor_.assign(asio::local::stream_protocol(), file_->TakeSocket(), error);
  if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  asio::co_spawn(executor_, Accept(), [](const std::exception_ptr& thrown) {
    if (thrown) spdlog::error("the admin socket takes no more peers, because memory is missing");
  });
  return absl::OkStatus();
}

Task<> AdminServer::Accept() {
  while (acceptor_.is_open()) {
    LocalSocket socket(executor_);
    std::error_code error;
    co_await acceptor_.async_accept(socket, ErrorTo(error));
    if (!error) {
      try {
        Take(std::move(socket));
      } catch (const std::bad_alloc&) {
        spdlog::error("a peer of the admin socket was turned away, because memory is missing");
      }
    } else if (acceptor_.is_open()) {
      Timer pause(executor_, kAcceptPause);
      co_await pause.async_wait(ErrorTo(error));
    }
  }
}

void AdminServer::Take(LocalSocket socket) {
  if (shared_->sessions.size() >= limits_.connections) {
    // Writes once and does not wait.
    std::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kTooMany), ignored);
    return;
  }
  auto session =
      std::make_unique<AdminSession>(context_, std::move(socket), limits_.times, shared_);
  asio::co_spawn(executor_, Serve(std::move(session)), [](const std::exception_ptr& thrown) {
    if (thrown) spdlog::error("a connection to the admin socket ended, because memory is missing");
  });
}

Task<> AdminServer::Serve(std::unique_ptr<AdminSession> session) { co_await session->Run(); }

bool AdminServer::HasSwitchover() const {
  return std::any_of(shared_->sessions.begin(), shared_->sessions.end(),
                     [](const AdminSession* session) { return session->HasSwitchover(); });
}

void AdminServer::Drain() {
  shared_->draining = true;
  std::error_code ignored;
  acceptor_.close(ignored);
  file_.reset();
  for (AdminSession* session : shared_->sessions) session->Drain();
}

Task<> AdminServer::AwaitSwitchovers(absl::Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  Timer pause(executor_);
  std::error_code ignored;
  while (HasSwitchover() && std::chrono::steady_clock::now() < deadline) {
    pause.expires_after(kDrainCheckInterval);
    co_await pause.async_wait(ErrorTo(ignored));
  }
}

}  // namespace proxy
