#include "shard/buffer_error.h"

#include <array>
#include <cstdint>
#include <new>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "base/sync_point.h"

namespace failover {
namespace {

// The type of the payload that holds the name of the reason. It is so short that a std::string
// holds it without an allocation.
constexpr char kReasonPayload[] = "failover/reason";

// Puts a text together without an allocation. The text has room for two names, an observation and
// the original error. What does not fit is cut.
class Text {
 public:
  void Append(std::string_view part) {
    size_ += part.copy(text_.data() + size_, text_.size() - size_);
  }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::size_t size_ = 0;
  std::array<char, 1280> text_;
};

absl::StatusCode CodeOf(BufferErrorReason reason) {
  switch (reason) {
    case BufferErrorReason::kBufferFull:
    case BufferErrorReason::kEvicted:
    case BufferErrorReason::kShardMissing:
      return absl::StatusCode::kUnavailable;
    case BufferErrorReason::kCancelled:
      return absl::StatusCode::kCancelled;
    case BufferErrorReason::kTimeout:
    case BufferErrorReason::kWindowOver:
      return absl::StatusCode::kDeadlineExceeded;
  }
  return absl::StatusCode::kInternal;
}

// The name of a number that stands for no reason.
constexpr std::string_view kNoName = "?";

}  // namespace

std::string_view ToString(BufferErrorReason reason) {
  switch (reason) {
    case BufferErrorReason::kBufferFull:
      return "BufferFull";
    case BufferErrorReason::kEvicted:
      return "Evicted";
    case BufferErrorReason::kCancelled:
      return "Cancelled";
    case BufferErrorReason::kTimeout:
      return "Timeout";
    case BufferErrorReason::kShardMissing:
      return "ShardMissing";
    case BufferErrorReason::kWindowOver:
      return "WindowOver";
  }
  return kNoName;
}

std::optional<BufferErrorReason> ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonPayload);
  if (!payload.has_value()) return std::nullopt;
  // The reasons are numbered from 0 without a gap. The loop ends at the first number that has no
  // name, so no list of the reasons is needed that could lack one.
  for (std::uint8_t number = 0;; ++number) {
    const auto reason = static_cast<BufferErrorReason>(number);
    const std::string_view name = ToString(reason);
    if (name == kNoName) return std::nullopt;
    if (*payload == absl::string_view(name.data(), name.size())) return reason;
  }
}

namespace internal {

absl::Status BufferError(BufferErrorReason reason, std::string_view keyspace,
                         std::string_view shard, std::string_view what,
                         absl::StatusCode original_code, std::string_view original_text) noexcept
    try {
  const auto piece = [](std::string_view text) {
    return absl::string_view(text.data(), text.size());
  };
  Text text;
  for (const std::string_view part : {std::string_view("failover buffer, shard "), keyspace,
                                      std::string_view("/"), shard, std::string_view(": "), what}) {
    text.Append(part);
  }
  if (original_code != absl::StatusCode::kOk) {
    text.Append("; original error: ");
    text.Append(absl::StatusCodeToString(original_code));
    text.Append(": ");
    text.Append(original_text.substr(0, kMaxShownErrorText));
  }
  absl::Status error(CodeOf(reason), piece(text.view()));
  error.SetPayload(kReasonPayload, absl::Cord(piece(ToString(reason))));
  return error;
} catch (const std::bad_alloc&) {
  return BufferErrorWithoutText(reason);
}

absl::Status BufferErrorWithoutText(BufferErrorReason reason) {
  return absl::Status(CodeOf(reason), absl::string_view());
}

absl::Status NamelessBufferError(BufferErrorReason reason, std::string_view what) noexcept try {
  absl::Status error(CodeOf(reason), absl::string_view(what.data(), what.size()));
  const std::string_view name = ToString(reason);
  error.SetPayload(kReasonPayload, absl::Cord(absl::string_view(name.data(), name.size())));
  return error;
} catch (const std::bad_alloc&) {
  return BufferErrorWithoutText(reason);
}

// Relaxed is enough: no other thread uses an object that is being destroyed.
SharedError::~SharedError() { delete error_.load(std::memory_order_relaxed); }

absl::Status SharedError::Get(absl::FunctionRef<absl::Status()> make) {
  // The acquire pairs with the release below: a thread that sees the pointer sees the error.
  const absl::Status* known = error_.load(std::memory_order_acquire);
  if (known != nullptr) return *known;
  absl::Status made = make();
  // An error without text was made when memory had run out. Later requests should get the text.
  if (made.message().empty()) return made;
  const auto* const mine = new (std::nothrow) absl::Status(made);
  if (mine == nullptr) return made;
  FAILOVER_SYNC_POINT("shared-error:before-publish");
  // The release publishes *mine. If another thread was faster, its error stays. The failed exchange
  // may be relaxed, because this thread does not read the other error.
  if (!error_.compare_exchange_strong(known, mine, std::memory_order_release,
                                      std::memory_order_relaxed)) {
    delete mine;
  }
  return made;
}

}  // namespace internal
}  // namespace failover
