#ifndef FAILOVER_DEMO_NUMBER_FORMAT_H_
#define FAILOVER_DEMO_NUMBER_FORMAT_H_

#include <cstdint>
#include <string>

namespace failover_demo {

// Formats 1234567 as "1,234,567". The number must not be negative.
std::string WithCommas(std::int64_t number);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_NUMBER_FORMAT_H_
