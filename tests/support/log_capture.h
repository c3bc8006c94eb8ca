// A LogCapture replaces the logger "failover" for as long as it lives, and keeps the log lines.
//
// It is thread-safe except for its constructor and destructor.
#ifndef FAILOVER_TESTS_SUPPORT_LOG_CAPTURE_H_
#define FAILOVER_TESTS_SUPPORT_LOG_CAPTURE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace failover::test {

class LogCapture {
 public:
  LogCapture();
  ~LogCapture();

  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // Returns each line in the form "info: text", "warning: text" or "error: text".
  std::vector<std::string> lines() const;
  std::vector<std::string> LinesWith(std::string_view part) const;
  std::size_t Count(std::string_view part) const { return LinesWith(part).size(); }
  void Clear();

  // Waits until a line that contains `part` was logged. Returns false after kPatience.
  bool AwaitLine(std::string_view part) const;

  // Sets a function that is called for every line, on the thread that logs.
  void OnLine(std::function<void()> hook);

 private:
  class Sink;

  const std::shared_ptr<Sink> sink_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_LOG_CAPTURE_H_
