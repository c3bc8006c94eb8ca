#include "failover/errors.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "api/refused_by_failover.h"

namespace failover {
namespace {

// The name is so short that a std::string holds it without an allocation. The value is empty for
// RefusedAt::kStatement. Both values are so short that a Cord holds them without an allocation.
constexpr char kFailoverPayload[] = "failover/cause";
constexpr char kAtConnect[] = "connect";

// The code CLUSTER_EVENT of vtrpc (proto/vtrpc.proto of Vitess), which absl has no name for.
constexpr int kClusterEvent = 17;

// A text in two parts. The tail begins with a character that is rare in the messages of databases,
// so the search for it is cheap.
struct KnownText {
  std::string_view head;
  std::string_view tail;
};

// The texts that vttablet sent before it had the code CLUSTER_EVENT. The version of 2017 put
// "retry: " or "fatal: " in front of them.
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

// If vttablet sends terse errors, it hides the text of the database and leaves only the numbers. If
// the text is there, it names the option that refused the statement: errno 1290 may also mean
// --secure-file-priv.
constexpr std::string_view kTerseReadOnlyText = "(errno 1290) (sqlstate HY000) during query:";
constexpr std::string_view kOptionIsNamedText = "option so it cannot execute this statement";

constexpr std::string_view kMoveTablesText = "disallowed due to rule";

// vttablet adds the SQLSTATE of the error to its text. It derives its own code from the error
// number, and a SIGNAL may set any number.
constexpr KnownText kRaisedByUserText = {"(sqlstate ", "45000)"};

// In some builds of absl its string_view is a type of its own, not the standard one.
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

RefusedAt AtOf(const absl::Cord& mark) {
  return mark == kAtConnect ? RefusedAt::kConnect : RefusedAt::kStatement;
}

bool IsTextOfFailover(const absl::Status& status) {
  if (status.raw_code() == kClusterEvent) return true;
  const bool refused = status.code() == absl::StatusCode::kFailedPrecondition;
  if (!refused && status.code() != absl::StatusCode::kInternal) return false;
  const std::string_view message = MessageOf(status);
  for (const KnownText& known : kFailoverTexts) {
    if (Contains(message, known)) return true;
  }
  // A text that names an option is not terse, so its numbers prove nothing. But the text may be
  // part of the query, and a rule of MoveTables may have refused that query. So the search goes on.
  if (Contains(message, kTerseReadOnlyText) && !Contains(message, kOptionIsNamedText)) return true;
  return refused && Contains(message, kMoveTablesText);
}

}  // namespace

std::optional<RefusedAt> internal::RefusedByFailover(const absl::Status& status) {
  if (status.ok()) return std::nullopt;
  if (const auto mark = status.GetPayload(kFailoverPayload); mark.has_value()) return AtOf(*mark);
  if (!IsTextOfFailover(status) || Contains(MessageOf(status), kRaisedByUserText)) {
    return std::nullopt;
  }
  return RefusedAt::kStatement;
}

bool CausedByFailover(const absl::Status& status) {
  return internal::RefusedByFailover(status).has_value();
}

absl::Status MarkCausedByFailover(absl::Status status) {
  if (status.GetPayload(kFailoverPayload).has_value()) return status;
  return MarkCausedByFailover(std::move(status), RefusedAt::kStatement);
}

absl::Status MarkCausedByFailover(absl::Status status, RefusedAt at) {
  absl::Cord value;
  if (at == RefusedAt::kConnect) value = absl::Cord(kAtConnect);
  status.SetPayload(kFailoverPayload, std::move(value));
  return status;
}

RefusedAt RefusedAtOf(const absl::Status& status) {
  const auto mark = status.GetPayload(kFailoverPayload);
  return mark.has_value() ? AtOf(*mark) : RefusedAt::kStatement;
}

}  // namespace failover
