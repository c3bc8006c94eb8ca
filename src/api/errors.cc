#include "failover/errors.h"

#include <array>
#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace failover {
namespace {

// Short enough for a std::string to hold it without an allocation.
constexpr char kFailoverPayload[] = "failover/cause";

// vtrpc's CLUSTER_EVENT, which has no name among absl's codes.
constexpr int kClusterEvent = 17;

// A text in two parts. The second begins with a character that is rare in the messages of
// databases, so that looking for it is cheap.
struct KnownText {
  std::string_view head;
  std::string_view tail;
};

// The texts of vttablet before CLUSTER_EVENT. The version of 2017 put "retry: " or "fatal: " in
// front of them.
constexpr std::array<KnownText, 5> kFailoverTexts = {{
    {"operation not allowed in state ", "NOT_SERVING"},
    {"operation not allowed in state ", "SHUTTING_DOWN"},
    {"The MariaDB server is running with the --read-only option so it cannot execute this "
     "statement ",
     "(errno 1290) (sqlstate HY000)"},
    {"The MySQL server is running with the --read-only option so it cannot execute this statement ",
     "(errno 1290) (sqlstate HY000)"},
    {"failover in progress ", "(errno 1227) (sqlstate 42000)"},
}};

// With terse errors the text of the database is hidden and only its numbers are left. Where it is
// not hidden, it tells which option refused: 1290 is --secure-file-priv, too.
constexpr std::string_view kTerseReadOnlyText = "(errno 1290) (sqlstate HY000) during query:";
constexpr std::string_view kOptionIsNamedText = "option so it cannot execute this statement";

constexpr std::string_view kMoveTablesText = "disallowed due to rule";

// absl's own string_view is not the standard one everywhere.
std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool Contains(std::string_view text, const KnownText& known) {
  std::size_t tail = text.find(known.tail);
  while (tail != std::string_view::npos) {
    const std::string_view before = text.substr(0, tail);
    if (before.size() >= known.head.size() &&
        before.substr(before.size() - known.head.size()) == known.head) {
      return true;
    }
    tail = text.find(known.tail, tail + 1);
  }
  return false;
}

}  // namespace

bool CausedByFailover(const absl::Status& status) {
  if (status.ok()) return false;
  if (status.raw_code() == kClusterEvent) return true;
  if (status.GetPayload(kFailoverPayload).has_value()) return true;
  const bool refused = status.code() == absl::StatusCode::kFailedPrecondition;
  if (!refused && status.code() != absl::StatusCode::kInternal) return false;
  const std::string_view message = MessageOf(status);
  for (const KnownText& known : kFailoverTexts) {
    if (Contains(message, known)) return true;
  }
  // An option that is named ends nothing: the query may quote it, and be refused by a rule.
  if (Contains(message, kTerseReadOnlyText) && !Contains(message, kOptionIsNamedText)) return true;
  return refused && Contains(message, kMoveTablesText);
}

absl::Status MarkCausedByFailover(absl::Status status) {
  status.SetPayload(kFailoverPayload, absl::Cord());
  return status;
}

}  // namespace failover
