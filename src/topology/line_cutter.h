// Cuts a stream of bytes that arrives in pieces into lines.
#ifndef FAILOVER_SRC_TOPOLOGY_LINE_CUTTER_H_
#define FAILOVER_SRC_TOPOLOGY_LINE_CUTTER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace failover::topology::internal {

// Not thread-safe.
class LineCutter {
 public:
  // The lines that wait to be taken may have this many bytes together, and so may one line.
  explicit LineCutter(std::size_t most) : most_(most) {}

  // Returns false, and takes in nothing, if there would be more bytes than allowed.
  bool Add(std::string_view piece) {
    if (piece.size() > most_ - rest_.size() - waiting_) return false;
    std::size_t end = 0;
    while ((end = piece.find('\n')) != std::string_view::npos) {
      rest_.append(piece.substr(0, end));
      piece.remove_prefix(end + 1);
      if (!rest_.empty() && rest_.back() == '\r') rest_.pop_back();
      if (!rest_.empty()) {
        waiting_ += rest_.size();
        lines_.push_back(std::exchange(rest_, {}));
      }
    }
    rest_.append(piece);
    return true;
  }

  // The lines that are complete, without their ends and without empty ones.
  std::vector<std::string> TakeLines() {
    waiting_ = 0;
    return std::exchange(lines_, {});
  }
  // What follows the last end of a line.
  const std::string& rest() const { return rest_; }

 private:
  const std::size_t most_;
  std::string rest_;
  std::vector<std::string> lines_;
  std::size_t waiting_ = 0;  // the bytes in lines_
};

}  // namespace failover::topology::internal

#endif  // FAILOVER_SRC_TOPOLOGY_LINE_CUTTER_H_
