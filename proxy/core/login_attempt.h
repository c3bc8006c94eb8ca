// A client's login as the retry driver sees it: a statement that only needs a connection.
#ifndef FAILOVER_PROXY_CORE_LOGIN_ATTEMPT_H_
#define FAILOVER_PROXY_CORE_LOGIN_ATTEMPT_H_

#include <cstddef>

#include "absl/status/status.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/retry_driver.h"

namespace proxy {

// `Upstream` is the side of a session towards the backends, with Task<absl::Status> Connect().
template <typename Upstream>
class LoginAttempt final : public RetriedStatement {
 public:
  // `upstream` is not owned. `connection_was_gone` tells the error of a connection that was found
  // dead before anything was sent.
  LoginAttempt(Upstream& upstream, bool (*connection_was_gone)(const absl::Status&))
      : upstream_(upstream), connection_was_gone_(connection_was_gone) {}

  Task<absl::Status> Try(ReplyNotice&) override { co_return co_await upstream_.Connect(); }
  bool MayBeHeld() const override { return true; }
  bool MayRepeatAtOnce(const absl::Status& error) const override {
    return connection_was_gone_(error);
  }
  std::size_t bytes() const override { return 0; }
  bool IsLogin() const override { return true; }

 private:
  Upstream& upstream_;
  bool (*const connection_was_gone_)(const absl::Status&);
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_LOGIN_ATTEMPT_H_
