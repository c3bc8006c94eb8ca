// Each row of the table in variable_rules.cc has an example that fails without the row.
#include "proxy/mysql/session/variable_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace mysql_proxy {
namespace {

struct Example {
  std::string_view variable;
  std::string_view row;  // The name in the row that decides.
  VariableUse use;
};

constexpr Example kExamples[] = {
    {"last_gtid", "last_gtid", VariableUse::kIgnore},
    {"session_track_schema", "session_track_", VariableUse::kLose},
    {"timestamp", "timestamp", VariableUse::kLose},
    {"pseudo_thread_id", "pseudo_thread_id", VariableUse::kLose},
    {"insert_id", "insert_id", VariableUse::kLose},
    {"last_insert_id", "last_insert_id", VariableUse::kLose},
    {"identity", "identity", VariableUse::kLose},
    {"rand_seed1", "rand_seed1", VariableUse::kLose},
    {"rand_seed2", "rand_seed2", VariableUse::kLose},
    {"gtid_seq_no", "gtid_seq_no", VariableUse::kLose},
    {"profiling", "profiling", VariableUse::kLose},
};

void PrintTo(const Example& example, std::ostream* out) { *out << example.variable; }

class VariableRowTest : public ::testing::TestWithParam<Example> {};

TEST_P(VariableRowTest, IsNeeded) {
  const Example& example = GetParam();
  std::vector<VariableRule> rules = DefaultVariableRules();
  EXPECT_EQ(UseOf(example.variable, rules), example.use);
  const auto row = std::find_if(rules.begin(), rules.end(), [&example](const VariableRule& rule) {
    return rule.name == example.row;
  });
  ASSERT_NE(row, rules.end());
  EXPECT_FALSE(row->reason.empty());
  rules.erase(row);
  EXPECT_EQ(UseOf(example.variable, rules), VariableUse::kRestore) << "without the row";
}

INSTANTIATE_TEST_SUITE_P(VariableRules, VariableRowTest, ::testing::ValuesIn(kExamples),
                         [](const auto& example) { return std::string(example.param.variable); });

TEST(VariableRulesTest, EveryRowHasAnExample) {
  for (const VariableRule& rule : DefaultVariableRules()) {
    EXPECT_THAT(kExamples, ::testing::Contains(::testing::Field(&Example::row, rule.name)));
  }
}

TEST(VariableRulesTest, OtherVariablesAreRestored) {
  for (const std::string_view name : {"sql_mode", "autocommit", "timestamps", "session_track"}) {
    EXPECT_EQ(UseOf(name, DefaultVariableRules()), VariableUse::kRestore) << name;
  }
}

}  // namespace
}  // namespace mysql_proxy
