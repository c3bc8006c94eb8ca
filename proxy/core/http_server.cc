#include "proxy/core/http_server.h"

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "proxy/core/acceptor.h"
#include "proxy/core/deadline.h"
#include "spdlog/spdlog.h"

namespace proxy {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
// How long the server waits after accept() has failed.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::seconds kStreamInterval{1};
// How much of what a client sends behind its head is read, so that the client sees the response
// before the end of the connection. A close with unread bytes would make the kernel drop the
// response.
constexpr std::size_t kMostIgnoredBytes = 65536;

bool IsWhole(const std::string& head) {
  return head.size() >= kHeadEnd.size() &&
         head.compare(head.size() - kHeadEnd.size(), kHeadEnd.size(), kHeadEnd) == 0;
}

void Close(Socket& socket) {
  std::error_code ignored;
  socket.close(ignored);
}

// Reads what the client still sends, until it closes its side.
Task<> ReadToTheEnd(Socket& socket) {
  std::error_code error;
  socket.shutdown(Socket::shutdown_send, error);
  std::array<char, 1024> ignored;
  std::size_t read = 0;
  while (!error && read < kMostIgnoredBytes) {
    const std::size_t count =
        co_await socket.async_read_some(asio::buffer(ignored), ErrorTo(error));
    read += count;
  }
}

}  // namespace

HttpServer::HttpServer(asio::io_context& io, Handler handler, const HttpLimits& limits)
    : executor_(io.get_executor()),
      handler_(std::move(handler)),
      limits_(limits),
      acceptor_(executor_) {}

absl::Status HttpServer::Listen(const Address& address) {
  if (absl::Status listens = ListenOn(address, acceptor_); !listens.ok()) return listens;
  asio::co_spawn(executor_, Accept(), [](const std::exception_ptr& thrown) {
    if (thrown) spdlog::error("the status page takes no more clients, because memory is missing");
  });
  return absl::OkStatus();
}

std::uint16_t HttpServer::port() const {
  std::error_code ignored;
  return acceptor_.local_endpoint(ignored).port();
}

Task<> HttpServer::Accept() {
  while (acceptor_.is_open()) {
    Socket socket(executor_);
    std::error_code error;
    co_await acceptor_.async_accept(socket, ErrorTo(error));
    if (!error) {
      Take(std::move(socket));
    } else if (acceptor_.is_open()) {
      Timer pause(executor_, kAcceptPause);
      co_await pause.async_wait(ErrorTo(error));
    }
  }
}

void HttpServer::Take(Socket socket) {
  if (connections_ >= limits_.connections) {
    // Writes once and does not wait.
    std::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(HttpResponse(PageOf(503), false)), ignored);
    return;
  }
  ++connections_;
  asio::co_spawn(executor_, Serve(std::move(socket)),
                 [this](const std::exception_ptr&) { --connections_; });
}

Task<> HttpServer::Serve(Socket socket) {
  std::optional<Deadline> deadline;
  deadline.emplace(executor_, limits_.time, [&socket] { Close(socket); });
  const std::string head = co_await ReadHead(socket);
  if (!IsWhole(head) && head.size() < kMaxHttpHead) co_return;
  HttpRequest request;
  HttpPage page = PageFor(head, request);
  if (page.next_part && streams_ >= limits_.streams) page = PageOf(503);
  const bool streams = page.next_part && !request.wants_no_body;
  const std::string response = HttpResponse(page, request.wants_no_body);
  std::error_code error;
  co_await asio::async_write(socket, asio::buffer(response), ErrorTo(error));
  if (error) co_return;
  if (streams) {
    deadline.reset();
    co_await Stream(socket, page.next_part);
  } else {
    co_await ReadToTheEnd(socket);
  }
}

// The counter is lowered by the coroutine itself, and by no destructor: a coroutine that is
// destroyed unfinished outlives the server.
Task<> HttpServer::Stream(Socket& socket, const std::function<std::string()>& next_part) {
  ++streams_;
  Timer pause(executor_);
  std::error_code error;
  while (!error) {
    std::string part;
    try {
      part = next_part();
    } catch (const std::exception& thrown) {
      spdlog::error("a part of the status page cannot be made: {}", thrown.what());
      break;
    }
    {
      const Deadline deadline(executor_, limits_.time, [&socket] { Close(socket); });
      co_await asio::async_write(socket, asio::buffer(part), ErrorTo(error));
    }
    if (error) break;
    pause.expires_after(kStreamInterval);
    co_await pause.async_wait(ErrorTo(error));
  }
  --streams_;
}

Task<std::string> HttpServer::ReadHead(Socket& socket) {
  std::string head;
  std::array<char, 1024> piece;
  std::error_code error;
  while (head.size() < kMaxHttpHead) {
    const std::size_t room = std::min(piece.size(), kMaxHttpHead - head.size());
    const std::size_t count =
        co_await socket.async_read_some(asio::buffer(piece.data(), room), ErrorTo(error));
    if (error) break;
    const std::size_t before = head.size();
    head.append(piece.data(), count);
    const std::size_t from = before < kHeadEnd.size() ? 0 : before - (kHeadEnd.size() - 1);
    const std::size_t end = head.find(kHeadEnd, from);
    if (end != std::string::npos) {
      head.resize(end + kHeadEnd.size());
      break;
    }
  }
  co_return head;
}

HttpPage HttpServer::PageFor(const std::string& head, HttpRequest& request) const {
  if (!IsWhole(head)) return PageOf(431);
  request = ParseHttpHead(head);
  if (request.status != 200) return PageOf(request.status);
  try {
    return handler_(request.path);
  } catch (const std::exception& error) {
    spdlog::error("the status page {} cannot be made: {}", request.path, error.what());
    return PageOf(500);
  }
}

}  // namespace proxy
