// What a call of the C interface says of an error, and the wall that no exception passes.
#ifndef FAILOVER_SRC_C_ERROR_H_
#define FAILOVER_SRC_C_ERROR_H_

#include <cstddef>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "failover/c/failover.h"
#include "failover/export.h"

// What is exported here and in the headers beside is for the libraries of the databases, which
// stand on this one (private_exports.map.in).
namespace failover::c {

// Keeps the text for fo_error_text, cut to its size, and returns `result`. Allocates nothing.
FAILOVER_EXPORT fo_result Fail(fo_result result, std::string_view text) noexcept;
// The same for a null pointer and the like: "<what> <problem>".
FAILOVER_EXPORT fo_result Invalid(std::string_view what, std::string_view problem) noexcept;

// The error of a Buffer as a number. Keeps its text. `status` must not be OK.
FAILOVER_EXPORT fo_result Fail(const absl::Status& status) noexcept;

// Copies what fo_error_text says of `result`, cut to the size, for a caller that gave a buffer for
// it: `error` may be NULL.
FAILOVER_EXPORT void CopyText(fo_result result, char* error, std::size_t error_size) noexcept;

// Runs what a function of the interface does.
template <typename Function>
fo_result Guarded(Function&& function) noexcept {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return Fail(FO_NO_MEMORY, "memory has run out");
  } catch (const std::system_error& error) {
    return Fail(FO_NO_THREAD, error.what());
  } catch (const std::exception& error) {
    return Fail(FO_WRONG_STATE, error.what());
  } catch (...) {
    return Fail(FO_WRONG_STATE, "an unknown exception");
  }
}

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_ERROR_H_
