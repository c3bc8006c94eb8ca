#include "proxy/core/admin_lines.h"

#include <array>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <system_error>
#include <utility>

#include "proxy/core/admin_command.h"
#include "proxy/core/deadline.h"

namespace proxy {
namespace {

// What may come while a command runs: more commands than this are no dialogue.
constexpr std::size_t kMaxInput = 4 * kMaxAdminLine;

}  // namespace

AdminLines::AdminLines(LocalSocket socket, absl::Duration write_timeout)
    : socket_(std::move(socket)), write_timeout_(write_timeout) {
  std::error_code error;
  socket_.non_blocking(true, error);
  ended_ = static_cast<bool>(error);
}

std::optional<std::string_view> AdminLines::FirstLine() const {
  const std::size_t end = input_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  const std::string_view line = std::string_view(input_).substr(0, end);
  return !line.empty() && line.back() == '\r' ? line.substr(0, end - 1) : line;
}

std::size_t AdminLines::Room() {
  const std::size_t end = input_.find('\n');
  const bool line_is_too_long =
      end == std::string::npos ? input_.size() >= kMaxAdminLine : end >= kMaxAdminLine;
  if (line_is_too_long || input_.size() >= kMaxInput) too_long_ = true;
  return too_long_ ? 0 : kMaxInput - input_.size();
}

Task<std::optional<std::string>> AdminLines::Next() {
  std::array<char, kMaxInput> piece;
  while (true) {
    const std::size_t room = Room();
    if (too_long_) co_return std::nullopt;
    if (const std::optional<std::string_view> first = FirstLine(); first.has_value()) {
      std::string line(*first);
      input_.erase(0, input_.find('\n') + 1);
      co_return line;
    }
    if (ended_) co_return std::nullopt;
    std::error_code error;
    const std::size_t count =
        co_await socket_.async_read_some(asio::buffer(piece.data(), room), ErrorTo(error));
    input_.append(piece.data(), count);
    if (error) ended_ = true;
  }
}

bool AdminLines::TakeIn() {
  std::array<char, kMaxInput> piece;
  while (!ended_) {
    const std::size_t room = Room();
    if (room == 0) return false;
    std::error_code error;
    const std::size_t count = socket_.read_some(asio::buffer(piece.data(), room), error);
    input_.append(piece.data(), count);
    if (error == asio::error::would_block || error == asio::error::try_again) return true;
    if (error) ended_ = true;
  }
  return false;
}

bool AdminLines::NextIs(std::string_view line) const { return FirstLine() == line; }

Task<bool> AdminLines::Write(const std::string& text) {
  const Deadline deadline(socket_.get_executor(), write_timeout_, [this] { Close(); });
  std::error_code error;
  co_await asio::async_write(socket_, asio::buffer(text), ErrorTo(error));
  co_return !error;
}

void AdminLines::Close() {
  ended_ = true;
  std::error_code ignored;
  socket_.close(ignored);
}

}  // namespace proxy
