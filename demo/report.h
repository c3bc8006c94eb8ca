// The report is the table at the end of the demonstration, and the verdict.
#ifndef FAILOVER_DEMO_REPORT_H_
#define FAILOVER_DEMO_REPORT_H_

#include <string>
#include <vector>

#include "pass_result.h"

namespace failover_demo {

// Returns a table with one column per pass.
std::string Table(const std::vector<PassResult>& passes);

// Returns a sentence for each thing that went wrong, or nothing if all is well. The audit must hold
// in every pass. With the Buffer, the only errors allowed are those of statements in flight when
// the primary crashed.
std::vector<std::string> Failures(const PassResult& pass);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_REPORT_H_
