// What a report of a changed system variable means for the next connection of the session.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_VARIABLE_RULES_H_
#define FAILOVER_PROXY_MYSQL_SESSION_VARIABLE_RULES_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace mysql_proxy {

enum class VariableUse : std::uint8_t {
  kRestore,  // SET with the reported value brings back what the client had.
  kLose,     // SET does not bring the change back. The change is lost with its connection.
  kIgnore,   // The report says nothing about the state of the session.
};

struct VariableRule {
  std::string_view name;  // In lower case, as servers report the name.
  bool is_prefix;         // The rule is about all variables whose names begin with `name`.
  VariableUse use;
  std::string_view reason;
};

// The rules that the proxy uses; the first match decides. The object lives for ever and may be read
// by any thread.
const std::vector<VariableRule>& DefaultVariableRules();

// kRestore unless a rule says otherwise.
VariableUse UseOf(std::string_view variable, const std::vector<VariableRule>& rules);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_VARIABLE_RULES_H_
