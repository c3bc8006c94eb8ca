// This fuzzer calls the verdicts of the interface in C with whatever arguments: null pointers,
// wrong sizes, unknown numbers, any texts. A wrong argument is an error and leaves a verdict that
// allows nothing. A right one gets the verdict of C++. Whoever is told to wait repeats the
// statement, so it must be certain that the statement was not executed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "failover/c/mysql.h"
#include "failover/c/postgres.h"
#include "failover/errors.h"
#include "failover/mysql/errors.h"
#include "failover/outcome.h"
#include "failover/postgres/errors.h"
#include "fuzz_input.h"

namespace failover::fuzz {
namespace {

constexpr int kMostCalls = 100;

// Makes arguments, and remembers whether one of them is wrong.
class Arguments {
 public:
  explicit Arguments(FuzzInput& input) : input_(input) {}

  bool right() const { return right_; }

  std::size_t Size(std::size_t right) { return WrongNow() ? Other(right) : right; }
  std::int32_t Reserved() { return WrongNow() ? 1 + static_cast<std::int32_t>(input_.Byte()) : 0; }
  // A number from 0 to `last`, or a wrong one.
  std::int32_t Number(std::int32_t last) {
    const auto number = static_cast<std::int32_t>(input_.Below(static_cast<std::size_t>(last) + 1));
    if (!WrongNow()) return number;
    return number % 2 == 0 ? last + 1 + number : -1 - number;
  }
  // `pointer`, or null where null is wrong.
  template <typename Pointee>
  Pointee* Pointer(Pointee* pointer) {
    return WrongNow() ? nullptr : pointer;
  }
  // A text, or null where null is right. Valid until `kept` changes.
  const char* Text(std::string* kept) {
    if (input_.Below(8) == 0) return nullptr;
    *kept = input_.Line();
    return kept->c_str();
  }
  std::int32_t Flag() { return input_.Bool() ? static_cast<std::int32_t>(input_.Number(4)) : 0; }

 private:
  bool WrongNow() {
    const bool wrong = input_.Below(64) == 63;
    right_ = right_ && !wrong;
    return wrong;
  }
  std::size_t Other(std::size_t right) {
    const auto size = static_cast<std::size_t>(input_.Number(8));
    return size == right ? right + 1 : size;
  }

  FuzzInput& input_;
  bool right_ = true;
};

std::string TextOf(const char* text) { return text == nullptr ? "" : text; }

// `may_repeat`: whether the statement may be repeated at all.
void CheckVerdict(const fo_verdict& verdict, const absl::Status& of_cxx, bool may_repeat) {
  const bool refused =
      verdict.attempt == FO_ATTEMPT_REFUSED || verdict.attempt == FO_ATTEMPT_REFUSED_AT_CONNECT;
  Require((verdict.wait != 0) == refused, "who waits says that the attempt was refused");
  Require(verdict.wait == 0 || verdict.outcome == FO_OUTCOME_NOT_EXECUTED,
          "who waits knows that the statement was not executed");
  Require(verdict.wait == 0 || may_repeat, "some statements are never repeated");
  Require(verdict.wait == 0 || verdict.note == 0, "who waits need not note the error");
  Require((verdict.outcome == FO_OUTCOME_UNKNOWN) == (verdict.attempt == FO_ATTEMPT_UNKNOWN),
          "an unknown fate is told as one");
  Require((verdict.wait != 0) == CausedByFailover(of_cxx), "the verdict of C++");
  Require(verdict.attempt == static_cast<fo_attempt>(AttemptOf(of_cxx)), "the attempt of C++");
}

void CheckResult(fo_result result, bool right, const fo_verdict& verdict) {
  Require(result == (right ? FO_OK : FO_INVALID_ARGUMENT), "a wrong argument is an error",
          fo_error_text());
  if (right) return;
  Require(fo_error_text()[0] != '\0', "an error has a text");
  Require(verdict.wait == 0 && verdict.note == 0 && verdict.outcome == FO_OUTCOME_UNKNOWN,
          "an error allows nothing");
}

constexpr std::array<SendState, 3> kSendStates = {SendState::kSent, SendState::kNotSent,
                                                  SendState::kReplyStarted};

void JudgeMysql(FuzzInput& input) {
  Arguments arguments(input);
  std::string sqlstate;
  std::string text;
  fo_mysql_error error = {};
  error.struct_size = arguments.Size(sizeof(error));
  error.number = static_cast<std::uint32_t>(input.Number(input.Bool() ? 2 : 4));
  error.reserved = arguments.Reserved();
  error.sqlstate = arguments.Text(&sqlstate);
  error.text = arguments.Text(&text);
  fo_mysql_statement statement = {};
  statement.struct_size = arguments.Size(sizeof(statement));
  statement.send_state = arguments.Number(2);
  statement.in_transaction = arguments.Flag();
  statement.read_only_requested = arguments.Flag();
  statement.compound = arguments.Flag();
  fo_verdict verdict = {};
  verdict.struct_size = arguments.Size(sizeof(verdict));
  const fo_mysql_error* const told = arguments.Pointer(&error);
  const fo_result result = fo_mysql_verdict(told, &statement, arguments.Pointer(&verdict));
  CheckResult(result, arguments.right(), verdict);
  if (result != FO_OK) return;
  mysql::StatementState state;
  state.send_state = kSendStates[static_cast<std::size_t>(statement.send_state)];
  state.in_transaction = statement.in_transaction != 0;
  state.read_only_requested = statement.read_only_requested != 0;
  state.compound = statement.compound != 0;
  const bool unsent = state.send_state == SendState::kNotSent;
  CheckVerdict(verdict,
               mysql::ToStatus({error.number, TextOf(error.sqlstate), TextOf(error.text)}, state),
               !state.in_transaction && state.send_state != SendState::kReplyStarted &&
                   (unsent || !state.compound));
}

void JudgePostgres(FuzzInput& input) {
  using postgres::StatementKind;
  constexpr std::array<StatementKind, 6> kKinds = {
      StatementKind::kMayCommitInside, StatementKind::kSingle, StatementKind::kPipeline,
      StatementKind::kBegin,           StatementKind::kCommit, StatementKind::kTwoPhase};
  Arguments arguments(input);
  std::array<std::string, 4> texts;
  fo_postgres_error error = {};
  error.struct_size = arguments.Size(sizeof(error));
  error.source = arguments.Number(3);
  error.reserved = arguments.Reserved();
  error.severity = arguments.Text(&texts[0]);
  error.sqlstate = arguments.Text(&texts[1]);
  error.text = arguments.Text(&texts[2]);
  error.routine = arguments.Text(&texts[3]);
  fo_postgres_statement statement = {};
  statement.struct_size = arguments.Size(sizeof(statement));
  statement.send_state = arguments.Number(2);
  statement.kind = arguments.Number(5);
  statement.in_transaction = arguments.Flag();
  statement.read_only_requested = arguments.Flag();
  statement.reply_begun = arguments.Flag();
  statement.reserved = arguments.Reserved();
  fo_verdict verdict = {};
  verdict.struct_size = arguments.Size(sizeof(verdict));
  const fo_postgres_error* const told = arguments.Pointer(&error);
  const fo_result result = fo_postgres_verdict(told, &statement, arguments.Pointer(&verdict));
  CheckResult(result, arguments.right(), verdict);
  if (result != FO_OK) return;
  postgres::Statement state;
  state.send_state = kSendStates[static_cast<std::size_t>(statement.send_state)];
  state.kind = kKinds[static_cast<std::size_t>(statement.kind)];
  state.in_transaction = statement.in_transaction != 0;
  state.read_only_requested = statement.read_only_requested != 0;
  state.reply_begun = statement.reply_begun != 0;
  const bool ends = state.kind == StatementKind::kCommit || state.kind == StatementKind::kTwoPhase;
  const bool unsent = state.send_state == SendState::kNotSent;
  CheckVerdict(
      verdict,
      postgres::ToStatus({static_cast<postgres::Source>(error.source),
                          postgres::SeverityOf(TextOf(error.severity)), TextOf(error.sqlstate),
                          TextOf(error.text), TextOf(error.routine)},
                         state),
      !state.in_transaction && !ends && state.send_state != SendState::kReplyStarted &&
          (unsent || state.kind != StatementKind::kMayCommitInside));
}

}  // namespace
}  // namespace failover::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  failover::fuzz::FuzzInput input(data, size);
  const std::size_t calls = size / 8;
  for (std::size_t call = 0; call <= calls && call < failover::fuzz::kMostCalls; ++call) {
    if (input.Bool()) {
      failover::fuzz::JudgeMysql(input);
    } else {
      failover::fuzz::JudgePostgres(input);
    }
  }
  return 0;
}
