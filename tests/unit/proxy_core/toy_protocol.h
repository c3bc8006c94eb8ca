// A line protocol on top of proxy/core: a line is a statement, and the backend's line is its
// answer. "begin" and "commit" are the ends of a transaction. A client has logged in with its first
// line. It proves that proxy/core knows no
// protocol, and it shows what a protocol has to bring.
#ifndef FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_PROTOCOL_H_
#define FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_PROTOCOL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/core/context.h"
#include "proxy/core/protocol.h"

namespace proxy::test {

// What a client is told by the proxy itself.
inline constexpr char kTooMany[] = "too many clients";
inline constexpr char kOutcomeUnknown[] = "unknown whether executed";
inline constexpr char kNotExecuted[] = "not executed: ";

class ToyProtocol final : public Protocol {
 public:
  // `context` is not owned.
  explicit ToyProtocol(const Context& context) : context_(context) {}

  std::unique_ptr<Session> Accept(Socket socket, std::uint32_t id,
                                  Admission admission) const override;
  std::string RefusalPacket() const override { return std::string(kTooMany) + "\n"; }

  // From now on Accept throws std::bad_alloc, or does not.
  void SetWithoutMemory(bool without_memory) { without_memory_ = without_memory; }

 private:
  const Context& context_;
  std::atomic<bool> without_memory_{false};
};

}  // namespace proxy::test

#endif  // FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_PROTOCOL_H_
