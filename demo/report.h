// The table at the end, and the verdict.
#ifndef FAILOVER_DEMO_REPORT_H_
#define FAILOVER_DEMO_REPORT_H_

#include <string>
#include <vector>

#include "pass_result.h"

namespace failover_demo {

// One column per pass.
std::string Table(const std::vector<PassResult>& passes);

// What went wrong that must not, in sentences; empty if all is well. Of every pass: the audit. With
// the Buffer: any error but those of the statements in flight when the primary crashed.
std::vector<std::string> Failures(const PassResult& pass);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_REPORT_H_
