// What the live tests expect of an error of a real server.
#ifndef FAILOVER_TESTS_LIVE_POSTGRES_EXPECT_H_
#define FAILOVER_TESTS_LIVE_POSTGRES_EXPECT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/postgres/errors.h"
#include "support/postgres_wire_client.h"

namespace failover::postgres {

constexpr bool kHeld = true;
constexpr bool kNotHeld = false;

inline Statement OfKind(StatementKind kind) {
  Statement statement;
  statement.kind = kind;
  return statement;
}
inline Statement Single() { return OfKind(StatementKind::kSingle); }
inline Statement NotSent() {
  Statement statement = Single();
  statement.send_state = SendState::kNotSent;
  return statement;
}
inline Statement InTransaction(Statement statement) {
  statement.in_transaction = true;
  return statement;
}
inline Statement ReplyBegun(Statement statement) {
  statement.reply_begun = true;
  return statement;
}

// What a server said, in short.
struct Words {
  Source source;
  Severity severity;
  std::string sqlstate;
  // A part of the text.
  std::string text;
};

// Expects that the last words of `reply` are these.
inline void ExpectWords(const Reply& reply, const Words& words) {
  const PostgresError error = reply.Error();
  EXPECT_EQ(error.source, words.source) << error.text;
  EXPECT_EQ(error.severity, words.severity) << error.text;
  EXPECT_EQ(error.sqlstate, words.sqlstate) << error.text;
  EXPECT_THAT(error.text, testing::HasSubstr(words.text));
}

// Expects that the last words of `reply` mean this for the statement.
inline void ExpectVerdict(const Reply& reply, const Statement& statement, Outcome outcome,
                          bool held) {
  const absl::Status status = ToStatus(reply.Error(), statement);
  EXPECT_EQ(OutcomeOf(status), outcome) << status;
  EXPECT_EQ(CausedByFailover(status), held) << status;
}

inline Words Fatal(std::string sqlstate, std::string text) {
  return {Source::kErrorResponse, Severity::kFatal, std::move(sqlstate), std::move(text)};
}
inline Words Refusal(std::string sqlstate, std::string text) {
  return {Source::kErrorResponse, Severity::kError, std::move(sqlstate), std::move(text)};
}
inline Words Warning(std::string sqlstate, std::string text) {
  return {Source::kNoticeResponse, Severity::kWarning, std::move(sqlstate), std::move(text)};
}
inline Words Nothing() { return {Source::kConnectionLost, Severity::kUnknown, "", ""}; }

inline constexpr char kTerminated[] = "terminating connection due to administrator command";

}  // namespace failover::postgres

#endif  // FAILOVER_TESTS_LIVE_POSTGRES_EXPECT_H_
