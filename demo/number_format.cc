#include "number_format.h"

#include <cstddef>

namespace failover_demo {

std::string WithCommas(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, ",");
  return digits;
}

}  // namespace failover_demo
