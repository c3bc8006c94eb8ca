// Throws away a value that must be kept. A build of this file must fail, because the class of the
// value is [[nodiscard]]. FAILOVER_DISCARDED names the class.
#include "failover/buffer.h"

namespace {

failover::FAILOVER_DISCARDED Make() { return {}; }

}  // namespace

int main() { Make(); }
