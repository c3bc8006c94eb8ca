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

// How much of the text of a request's original error is kept while it is held: enough to know it
// by, and small beside the rest of what a held request costs.
inline constexpr std::size_t kMaxKeptErrorText = 96;

// How much of it is shown at the most, to requests that did not have to keep it.
inline constexpr std::size_t kMaxShownErrorText = 256;

// `what` says what was observed. The original error is appended, unless it is OK.
absl::Status BufferError(BufferErrorReason reason, std::string_view keyspace,
                         std::string_view shard, std::string_view what,
                         absl::StatusCode original_code, std::string_view original_text) noexcept;

// What is left of it if the memory for the text ran out: the code. Does not allocate.
absl::Status BufferErrorWithoutText(BufferErrorReason reason);

// One error that many requests get. The first one that asks for it makes it, the others share its
// memory: three allocations less for each. Thread-safe. The copies that it gave away may outlive
// it.
class SharedError {
 public:
  SharedError() = default;
  ~SharedError();

  SharedError(const SharedError&) = delete;
  SharedError& operator=(const SharedError&) = delete;

  // `make` may be called by several threads at once, and must always make the same error.
  absl::Status Get(absl::FunctionRef<absl::Status()> make);

 private:
  std::atomic<const absl::Status*> error_{nullptr};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_BUFFER_ERROR_H_
