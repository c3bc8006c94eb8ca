#include "c/error.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "failover/errors.h"
#include "failover/version.h"

namespace failover::c {
namespace {

constexpr std::size_t kLongestText = 512;

// An array without a constructor costs no registration with each thread.
thread_local std::array<char, kLongestText> last_text;

// Appends as much of `piece` as has room before the last byte, and returns the new end.
std::size_t Append(std::size_t end, std::string_view piece) noexcept {
  const std::size_t size = std::min(piece.size(), kLongestText - 1 - end);
  piece.copy(last_text.data() + end, size);
  last_text[end + size] = '\0';
  return end + size;
}

fo_result ResultOf(BufferErrorReason reason) {
  switch (reason) {
    case BufferErrorReason::kBufferFull:
      return FO_BUFFER_FULL;
    case BufferErrorReason::kEvicted:
      return FO_EVICTED;
    case BufferErrorReason::kCancelled:
      return FO_CANCELLED;
    case BufferErrorReason::kTimeout:
      return FO_TIMEOUT;
    case BufferErrorReason::kShardMissing:
      return FO_SHARD_MISSING;
    case BufferErrorReason::kWindowOver:
      return FO_WINDOW_OVER;
  }
  return FO_WRONG_STATE;
}

fo_result ResultOf(const absl::Status& status) {
  if (const std::optional<BufferErrorReason> reason = ReasonOf(status)) return ResultOf(*reason);
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return FO_INVALID_ARGUMENT;
    case absl::StatusCode::kResourceExhausted:
      return FO_NO_MEMORY;
    case absl::StatusCode::kFailedPrecondition:
      return FO_WOULD_BLOCK;
    case absl::StatusCode::kDeadlineExceeded:
      return FO_NOT_QUIET;
    case absl::StatusCode::kAborted:
      return FO_ABORTED;
    default:
      return FO_WRONG_STATE;
  }
}

}  // namespace

fo_result Fail(fo_result result, std::string_view text) noexcept {
  Append(0, text);
  return result;
}

fo_result Invalid(std::string_view what, std::string_view problem) noexcept {
  Append(Append(Append(0, what), " "), problem);
  return FO_INVALID_ARGUMENT;
}

fo_result Fail(const absl::Status& status) noexcept {
  const absl::string_view text = status.message();
  return Fail(ResultOf(status), {text.data(), text.size()});
}

void CopyText(fo_result result, char* error, std::size_t error_size) noexcept {
  if (error == nullptr || error_size == 0) return;
  const std::string_view text = result == FO_OK ? "" : last_text.data();
  const std::size_t size = text.copy(error, error_size - 1);
  error[size] = '\0';
}

}  // namespace failover::c

const char* fo_error_text(void) { return failover::c::last_text.data(); }

int fo_version(void) { return failover::LinkedVersion(); }

const char* fo_result_text(fo_result result) {
  switch (result) {
    case FO_OK:
      return "OK";
    case FO_HELD:
      return "the request is held";
    case FO_BUFFER_FULL:
      return "the buffer is full";
    case FO_EVICTED:
      return "the request made room for a newer one";
    case FO_CANCELLED:
      return "the request was cancelled";
    case FO_TIMEOUT:
      return "the request's own timeout is over";
    case FO_SHARD_MISSING:
      return "the shard is gone, the request must be routed anew";
    case FO_WINDOW_OVER:
      return "the request's window is over";
    case FO_INVALID_ARGUMENT:
      return "an argument is wrong";
    case FO_WRONG_PROCESS:
      return "the object belongs to another process";
    case FO_NO_MEMORY:
      return "memory has run out";
    case FO_NO_THREAD:
      return "a thread or a descriptor could not be made";
    case FO_WOULD_BLOCK:
      return "the call would block the thread that has to end it";
    case FO_WRONG_STATE:
      return "the call does not fit to what came before";
    case FO_NO_PRIMARY:
      return "no primary is known";
    case FO_NOT_QUIET:
      return "the switchover is not quiet yet";
    case FO_ABORTED:
      return "the switchover was called off";
    case FO_ATTEMPT_FAILED:
      return "the last attempt failed";
    default:
      return "an unknown result";
  }
}
