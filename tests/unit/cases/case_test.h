// The tests of public reports share this fixture: a Buffer with default options on a clock that
// only the test moves, and requests that remember what became of them.
#ifndef FAILOVER_TESTS_UNIT_CASES_CASE_TEST_H_
#define FAILOVER_TESTS_UNIT_CASES_CASE_TEST_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "support/evidence_test.h"

namespace failover::test {

// What became of one request. A request that comes back is held again in the same object.
struct CaseRequest {
  enum class Now : std::uint8_t { kPassed, kHeld, kRetries, kFailed };

  bool passed() const { return now == Now::kPassed; }
  bool held() const { return now == Now::kHeld; }
  bool retries() const { return now == Now::kRetries; }

  Now now = Now::kPassed;
  absl::Status error;
  std::optional<RetryDoneFunc> token;
  BufferedRequest handle;
  RequestContext context;
};

class CaseTest : public EvidenceTest {
 protected:
  CaseTest() { CreateDefault(); }
  void TearDown() override {
    requests_.clear();
    EvidenceTest::TearDown();
  }

  void CreateDefault(BufferOptions options = {}) {
    requests_.clear();
    options.threading = Threading::kManual;
    options.clock = &clock_;
    Create(std::move(options));
  }

  // How the retry of a request that is let go ends inside its callback. nullopt means that the
  // retry is under way when the callback returns.
  std::optional<Attempt> retries_end = Attempt::kSucceeded;

  // A request whose attempt before ended with `last`.
  CaseRequest& Send(LastAttempt last = Attempt::kNone, const RequestContext& context = {},
                    std::string_view shard_name = "0") {
    requests_.push_back(std::make_unique<CaseRequest>());
    CaseRequest& request = *requests_.back();
    request.context = context;
    Submit(request, std::move(last), shard_name);
    return request;
  }
  CaseRequest& SendRefused(const RequestContext& context = {}) {
    return Send(Attempt::kRefused, context);
  }
  // The retry of the request was refused, and the request comes back.
  void SendBack(CaseRequest& request, Attempt attempt = Attempt::kRefused) {
    RetryDoneFunc token = *std::exchange(request.token, std::nullopt);
    Submit(request, LastAttempt(attempt).After(std::move(token)), "0");
    PollAll();
  }
  void EndRetry(CaseRequest& request, Attempt outcome) {
    (*request.token)(outcome);
    PollAll();
  }

 private:
  void Submit(CaseRequest& request, LastAttempt last, std::string_view shard_name) {
    request.now = CaseRequest::Now::kPassed;
    absl::StatusOr<BufferedRequest> answer =
        buffer().WaitForFailoverEndAsync(request.context, Shard(shard_name), std::move(last),
                                         [this, &request](absl::StatusOr<RetryDoneFunc> done) {
                                           Complete(request, std::move(done));
                                         });
    if (!answer.ok()) {
      request.now = CaseRequest::Now::kFailed;
      request.error = answer.status();
    } else if (*answer) {
      request.now = CaseRequest::Now::kHeld;
      request.handle = *std::move(answer);
    }
  }
  void Complete(CaseRequest& request, absl::StatusOr<RetryDoneFunc> done) {
    if (!done.ok()) {
      request.now = CaseRequest::Now::kFailed;
      request.error = done.status();
      return;
    }
    request.now = CaseRequest::Now::kRetries;
    request.token = *std::move(done);
    if (retries_end.has_value()) (*request.token)(*retries_end);
  }

  std::vector<std::unique_ptr<CaseRequest>> requests_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_UNIT_CASES_CASE_TEST_H_
