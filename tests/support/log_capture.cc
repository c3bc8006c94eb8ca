#include "log_capture.h"

#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "patience.h"

namespace failover::test {
namespace {

constexpr char kLoggerName[] = "failover";

}  // namespace

// The sink does not derive from spdlog's base_sink, which holds a mutex while it logs. The hook
// must be free to log, so no mutex may be held around it.
class LogCapture::Sink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    const spdlog::string_view_t level = spdlog::level::to_string_view(message.level);
    std::string line(level.data(), level.size());
    line.append(": ").append(message.payload.data(), message.payload.size());
    std::function<void()> hook;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      lines_.push_back(std::move(line));
      hook = hook_;
    }
    added_.notify_all();
    if (hook) hook();
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  std::vector<std::string> lines() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return lines_;
  }
  std::vector<std::string> LinesWith(std::string_view part) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return Matching(part);
  }
  bool AwaitLine(std::string_view part) {
    std::unique_lock<std::mutex> lock(mutex_);
    return added_.wait_for(lock, kPatience, [&] { return !Matching(part).empty(); });
  }
  void Clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.clear();
  }
  void OnLine(std::function<void()> hook) {
    const std::lock_guard<std::mutex> lock(mutex_);
    hook_ = std::move(hook);
  }

 private:
  std::vector<std::string> Matching(std::string_view part) const {
    std::vector<std::string> found;
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) found.push_back(line);
    }
    return found;
  }

  std::mutex mutex_;
  std::condition_variable added_;
  std::vector<std::string> lines_;
  std::function<void()> hook_;
};

LogCapture::LogCapture() : sink_(std::make_shared<Sink>()) {
  spdlog::drop(kLoggerName);
  spdlog::register_logger(std::make_shared<spdlog::logger>(kLoggerName, sink_));
}

LogCapture::~LogCapture() { spdlog::drop(kLoggerName); }

std::vector<std::string> LogCapture::lines() const { return sink_->lines(); }

std::vector<std::string> LogCapture::LinesWith(std::string_view part) const {
  return sink_->LinesWith(part);
}

bool LogCapture::AwaitLine(std::string_view part) const { return sink_->AwaitLine(part); }

void LogCapture::Clear() { sink_->Clear(); }

void LogCapture::OnLine(std::function<void()> hook) { sink_->OnLine(std::move(hook)); }

}  // namespace failover::test
