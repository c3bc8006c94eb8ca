// Verdicts in C as texts, so that tests can compare them and print them.
#ifndef FAILOVER_TESTS_UNIT_C_VERDICT_TEXT_H_
#define FAILOVER_TESTS_UNIT_C_VERDICT_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "failover/c/verdict.h"
#include "failover/outcome.h"

namespace failover::test {

// As VerdictText gives it: what a verdict says, but for the note.
inline std::string ExpectedText(const absl::Status& status) {
  return absl::StrCat(ToString(OutcomeOf(status).value()), " attempt ",
                      static_cast<int>(AttemptOf(status)), " wait ", CausedByFailover(status));
}

inline std::string VerdictText(const fo_verdict& verdict) {
  constexpr const char* kNames[] = {"Unknown", "NotExecuted", "RolledBack", "Failed"};
  return absl::StrCat(kNames[verdict.outcome], " attempt ", verdict.attempt, " wait ",
                      verdict.wait);
}

}  // namespace failover::test

#endif  // FAILOVER_TESTS_UNIT_C_VERDICT_TEXT_H_
