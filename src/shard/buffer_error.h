// Builds the errors that a Buffer returns.
#ifndef FAILOVER_SRC_SHARD_BUFFER_ERROR_H_
#define FAILOVER_SRC_SHARD_BUFFER_ERROR_H_

#include <atomic>
#include <cstddef>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "failover/errors.h"

namespace failover::internal {

// The text of the error if memory has run out.
inline constexpr char kNoMemoryToHold[] = "out of memory, the request is not held";

// A held request keeps at most this many bytes of the text of its original error. They are enough
// to recognise the error, and few beside the rest of what a held request costs.
inline constexpr std::size_t kMaxKeptErrorText = 96;

// An error of the Buffer shows at most this many bytes of the text of an original error.
inline constexpr std::size_t kMaxShownErrorText = 256;

// Makes the error that a request gets. `what` says what was observed. The text ends with the
// original error, unless the original code is OK.
absl::Status BufferError(BufferErrorReason reason, std::string_view keyspace,
                         std::string_view shard, std::string_view what,
                         absl::StatusCode original_code, std::string_view original_text) noexcept;

// The same error without its text and payload, for when memory has run out. Does not allocate.
absl::Status BufferErrorWithoutText(BufferErrorReason reason);

// The same as BufferError, for a caller that knows no shard.
absl::Status NamelessBufferError(BufferErrorReason reason, std::string_view what) noexcept;

// One error that many requests get. The first request that asks for the error makes it. The other
// requests share its memory, which saves three allocations each. Thread-safe. The copies that Get
// returned may outlive the object.
class SharedError {
 public:
  SharedError() = default;
  ~SharedError();

  SharedError(const SharedError&) = delete;
  SharedError& operator=(const SharedError&) = delete;

  // Several threads may call `make` at once, so each call must make the same error.
  absl::Status Get(absl::FunctionRef<absl::Status()> make);

 private:
  std::atomic<const absl::Status*> error_{nullptr};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_BUFFER_ERROR_H_
