#include "proxy/mysql/session/variable_rules.h"

namespace mysql_proxy {
namespace {

constexpr VariableUse kLose = VariableUse::kLose;
constexpr VariableUse kIgnore = VariableUse::kIgnore;

}  // namespace

const std::vector<VariableRule>& DefaultVariableRules() {
  static const auto* const rules = new std::vector<VariableRule>{
      // --- Results of the last statement. -------------------------------------------------------
      {"last_gtid", false, kIgnore, "Each write sets the variable to the GTID of that write."},

      // --- SET with the reported value would do harm. -------------------------------------------
      {"session_track_", true, kLose,
       "With other tracking the proxy learns of no change any more."},
      {"timestamp", false, kLose, "SET would stop the clock of the session at the reported time."},
      {"pseudo_thread_id", false, kLose, "The number belongs to the connection that is lost."},

      // --- The reported value is not the value of now. ------------------------------------------
      {"insert_id", false, kLose, "The next INSERT uses the value up, without a report."},
      {"last_insert_id", false, kLose, "Each INSERT changes the value, without a report."},
      {"identity", false, kLose, "The variable is another name of last_insert_id."},
      {"rand_seed1", false, kLose, "Each RAND() changes the value, without a report."},
      {"rand_seed2", false, kLose, "Each RAND() changes the value, without a report."},
      {"gtid_seq_no", false, kLose, "The next write uses the value up, without a report."},

      // --- The value is not all. ----------------------------------------------------------------
      {"profiling", false, kLose, "The collected profiles belong to the connection that is lost."},
  };
  return *rules;
}

VariableUse UseOf(std::string_view variable, const std::vector<VariableRule>& rules) {
  for (const VariableRule& rule : rules) {
    const std::string_view compared =
        rule.is_prefix ? variable.substr(0, rule.name.size()) : variable;
    if (compared == rule.name) return rule.use;
  }
  return VariableUse::kRestore;
}

}  // namespace mysql_proxy
