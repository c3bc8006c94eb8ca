// What a planned switchover waits for: statements and transactions that are in flight.
#ifndef FAILOVER_WORK_H_
#define FAILOVER_WORK_H_

#include <cstdint>

namespace failover {

// What a request stands for (RequestContext::work). A planned switchover (failover/switchover.h)
// waits until every statement and every transaction that is counted has ended.
enum class Work : std::uint8_t {
  // The request is held as any other, but nobody waits for it. It costs nothing.
  kUncounted,
  // One statement. A planned switchover lets it pass as long as it waits for transactions.
  kStatement,
  // The first statement of a transaction. The token of the request, or the WorkToken that is taken
  // from it, must be kept until the transaction has ended. The further statements of the
  // transaction are not put through the Buffer.
  kTransaction,
};

}  // namespace failover

#endif  // FAILOVER_WORK_H_
