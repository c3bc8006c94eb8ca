// This fuzzer calls the interface in C with whatever arguments: null pointers, wrong sizes, unknown
// numbers, calls in any order. Nothing may crash or hang. Each wait has one end, each shutdown that
// was begun is told once that it is over, each result is one that the header names, and at the end
// no request is held and no retry is under way.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "failover/c/failover.h"
#include "fuzz_input.h"

namespace {

using failover::fuzz::FuzzInput;
using failover::fuzz::Require;

using WriteFunction = void (*)(void*, const char*, std::size_t);

constexpr int kMostSteps = 300;

fo_result Known(fo_result result) {
  Require(std::strcmp(fo_result_text(result), "an unknown result") != 0, "the result has a name",
          std::to_string(result));
  Require(result >= 0 || fo_error_text()[0] != '\0', "an error has a text");
  return result;
}

// One wait, and the token that its callback was given.
struct Request {
  fo_wait* wait = nullptr;
  fo_retry retry = {{0, 0}};
  int calls = 0;
  bool held = false;
  bool ended = false;  // cancelled, or freed
};

void OnEnd(void* arg, fo_result result, fo_retry retry) {
  auto* const request = static_cast<Request*>(arg);
  Require(request->held && !request->ended, "a callback runs only for a request that is held");
  Require(++request->calls == 1, "a callback runs once");
  Known(result);
  Require(result == FO_OK || retry.opaque[0] == 0, "an error brings no token");
  request->retry = retry;
}

struct Steps {
  fo_steps* steps = nullptr;
  bool waits = false;
};

void OnStepEnd(void* arg) {
  auto* const steps = static_cast<Steps*>(arg);
  Require(steps->waits, "the wait of a step ends once");
  steps->waits = false;
}

// How many shutdowns were begun with a function, and how many of these functions have run.
struct Shutdowns {
  int begun = 0;
  int told = 0;
};

void OnShutDown(void* arg) { ++static_cast<Shutdowns*>(arg)->told; }

class Machine {
 public:
  explicit Machine(FuzzInput& input) : input_(input) {
    fo_options options = {};
    options.struct_size = sizeof(options);
    options.threading = FO_MANUAL;
    options.size = 1 + static_cast<std::int64_t>(input.Below(4));
    options.drain_concurrency = 1 + static_cast<std::int64_t>(input.Below(4));
    options.log = [](void*, std::int32_t, const char*) {};
    Require(fo_buffer_create(&options, &buffer_, nullptr, 0) == FO_OK, "the options are right");
    inbox_ = fo_inbox_create(nullptr, nullptr);
    Require(fo_shard_get(buffer_, "ks", "0", &shard_) == FO_OK, "the shard is known");
    steps_.steps = fo_steps_create(static_cast<int>(input.Below(3)));
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  ~Machine() {
    fo_switchover_free(switchover_);
    fo_steps_destroy(steps_.steps);
    for (fo_retry& work : works_) EndWork(work);
    for (Request& request : requests_) End(request);
    fo_shard_stats stats = {};
    stats.struct_size = sizeof(stats);
    Require(fo_shard_stats_get(buffer_, shard_, &stats) == FO_OK, "the shard has statistics");
    Require(stats.requests_held == 0 && stats.requests_retrying == 0, "everything was given back");
    fo_inbox_destroy(inbox_);
    fo_buffer_destroy(buffer_);
    Require(shutdowns_.told == shutdowns_.begun, "each shutdown that was begun is over");
  }

  void Step() {
    switch (input_.Below(16)) {
      case 0:
        return Create();
      case 1:
      case 2:
      case 3:
        return Submit();
      case 4:
        return Cancel();
      case 5:
        return EndRetry();
      case 6:
        return Free();
      case 7:
      case 8:
        return Poll();
      case 9:
        return Report();
      case 10:
        return Command();
      case 11:
      case 12:
      case 13:
        return GoOn();
      case 14:
        return Switch();
      default:
        return Look();
    }
  }

 private:
  // An argument is wrong now and then.
  fo_buffer* Buffer() { return input_.Below(16) == 0 ? nullptr : buffer_; }
  fo_inbox* Inbox() { return input_.Bool() ? nullptr : inbox_; }
  fo_shard Shard() { return input_.Below(16) == 0 ? fo_shard{0} : shard_; }
  std::int32_t Number() {
    return input_.Below(8) == 0 ? static_cast<std::int32_t>(input_.Number(4))
                                : static_cast<std::int32_t>(input_.Below(6));
  }
  std::size_t Size(std::size_t right) {
    return input_.Below(16) == 0 ? static_cast<std::size_t>(input_.Number(8)) : right;
  }
  std::int64_t Time() { return static_cast<std::int64_t>(input_.Number(input_.Below(9))); }
  const char* Text() {
    text_ = input_.Line();
    return input_.Below(16) == 0 ? nullptr : text_.c_str();
  }
  Request* Pick() {
    return requests_.empty() ? nullptr : &requests_[input_.Below(requests_.size())];
  }

  // `shards` must live as long as the options.
  fo_options Options(const std::string& shards) {
    fo_options options = {};
    options.struct_size = Size(sizeof(options));
    options.disabled = Number();
    options.dry_run = Number();
    // A service thread would make the run depend on time.
    options.threading = input_.Below(4) == 0 ? 2 + Number() : FO_MANUAL;
    options.reserved = input_.Below(8) == 0 ? 1 : 0;
    for (std::int64_t* option :
         {&options.window_ms, &options.max_failover_duration_ms,
          &options.min_time_between_failovers_ms, &options.max_retry_time_ms, &options.suspicion_ms,
          &options.probe_after_ms, &options.unstamped_report_delay_ms,
          &options.down_confirmation_ms, &options.shutdown_grace_ms, &options.size,
          &options.drain_concurrency, &options.drain_concurrency_max, &options.max_per_shard,
          &options.max_shards}) {
      if (input_.Below(16) == 0) *option = Time();
    }
    options.size = options.size % 1000;
    if (!shards.empty()) options.keyspace_shards = shards.c_str();
    options.log = [](void*, std::int32_t, const char*) {};
    return options;
  }

  void Create() {
    const std::string shards = input_.Bool() ? input_.Line() : "";
    const fo_options options = Options(shards);
    fo_buffer* buffer = nullptr;
    std::array<char, 16> error = {};
    const fo_result result =
        Known(fo_buffer_create(&options, &buffer, error.data(), input_.Below(error.size() + 1)));
    Require((result == FO_OK) == (buffer != nullptr), "a buffer or an error");
    Require(error.back() == '\0', "the text of an error is cut to its size");
    fo_buffer_destroy(buffer);
  }

  void Submit() {
    requests_.emplace_back();
    Request& request = requests_.back();
    fo_request asked = {};
    asked.struct_size = Size(sizeof(asked));
    asked.timeout_ms = input_.Bool() ? 0 : Time();
    asked.bytes = input_.Byte();
    asked.may_probe = Number();
    asked.writes = Number();
    asked.work = Number() % 4;
    asked.reserved = input_.Below(16) == 0 ? Number() : 0;
    const bool detached = input_.Below(8) == 0;
    Request* const before = Pick();
    fo_retry* const previous = before == &request || input_.Bool() ? nullptr : &before->retry;
    // The callback does not run inside the call.
    const fo_result result = Known(fo_wait_start(
        Buffer(), Shard(), input_.Bool() ? nullptr : &asked, Number(), previous, Inbox(),
        input_.Below(16) == 0 ? nullptr : OnEnd, &request, detached ? nullptr : &request.wait));
    request.held = result == FO_HELD;
    if (result < 0) Require(request.wait == nullptr, "an error leaves no handle");
    if (result == FO_HELD)
      Require(detached == (request.wait == nullptr), "who is held has a handle");
  }

  void Cancel() {
    Request* const request = Pick();
    if (request == nullptr || request->wait == nullptr) return;
    const int cancelled = fo_wait_cancel(request->wait);
    Require(cancelled == (request->held && request->calls == 0 ? 1 : 0), "Cancel tells the truth");
    if (cancelled == 1) request->ended = true;
  }

  void EndRetry() {
    Request* const request = Pick();
    if (request == nullptr) return;
    if (input_.Below(4) == 0) {
      fo_retry work = {{0, 0}};
      Known(fo_retry_take_work(&request->retry, input_.Below(8) == 0 ? nullptr : &work));
      EndWork(work);
      return;
    }
    if (Known(fo_retry_done(&request->retry, Number())) != FO_OK) return;
    Require(request->retry.opaque[0] == 0, "a token that has ended is zero");
  }

  void Free() {
    Request* const request = Pick();
    if (request == nullptr || request->wait == nullptr) return;
    if (!request->held && request->retry.opaque[0] == 0) {
      Known(fo_wait_take_token(request->wait, input_.Below(4) == 0 ? nullptr : &request->retry));
    }
    request->ended = request->calls == 0;
    fo_wait_free(request->wait);
    request->wait = nullptr;
  }

  void Poll() {
    Require(fo_poll(Buffer()) >= FO_WRONG_PROCESS, "the time until the next poll");
    const int more = fo_inbox_poll(inbox_, static_cast<int>(input_.Below(5)) - 1);
    Require(more == 0 || more == 1, "an inbox is polled on its thread");
  }

  void Report() {
    if (input_.Bool()) {
      Known(fo_report(Buffer(), Shard(), Text(), Number(), Number()));
      return;
    }
    fo_primary_report report = {};
    report.struct_size = Size(sizeof(report));
    report.server = Text();
    report.serving = Number();
    report.term = Time();
    report.observed_ago_ms = Time();
    Known(fo_stats_update(Buffer(), Shard(), input_.Below(16) == 0 ? nullptr : &report));
  }

  void Command() {
    if (input_.Below(3) == 0) Known(fo_start_buffering(Buffer(), Shard(), Text()));
    if (input_.Below(3) == 0) Known(fo_stop_buffering(Buffer(), Shard()));
    if (input_.Below(3) == 0) Known(fo_note_refused(Buffer(), Shard(), Text()));
    if (input_.Below(64) == 0) Known(fo_buffer_shutdown(Buffer()));
    if (input_.Below(64) == 0) BeginShutdown();
    if (input_.Below(3) != 0) return;
    const std::string shards = input_.Bool() ? input_.Line() : "";
    const fo_options options = Options(shards);
    Known(fo_reconfigure(Buffer(), input_.Below(16) == 0 ? nullptr : &options));
  }

  void BeginShutdown() {
    const bool has_function = input_.Bool();
    const fo_result result = Known(fo_buffer_begin_shutdown(
        Buffer(), has_function ? OnShutDown : nullptr, has_function ? &shutdowns_ : nullptr));
    if (result == FO_OK && has_function) ++shutdowns_.begun;
    Require(shutdowns_.told <= shutdowns_.begun, "a function runs once, and not after an error");
  }

  void TakeWork() {
    fo_retry work = {{0, 0}};
    const fo_result result = Known(fo_steps_take_work(
        input_.Below(16) == 0 ? nullptr : steps_.steps, input_.Below(16) == 0 ? nullptr : &work));
    Require(result == FO_OK || work.opaque[0] == 0, "an error brings no work");
    // The work may outlive the steps.
    if (input_.Bool()) {
      works_.push_back(work);
    } else {
      EndWork(work);
    }
  }

  static void EndWork(fo_retry& work) {
    Require(fo_retry_done(&work, FO_ATTEMPT_NONE) == FO_OK, "work ends");
  }

  // Goes on with the steps of a retry, in the right order or not.
  void GoOn() {
    std::int32_t step = 0;
    switch (input_.Below(5)) {
      case 0: {
        fo_request request = {};
        request.struct_size = Size(sizeof(request));
        request.work = Number() % 4;
        step = fo_steps_start(steps_.steps, Time(), input_.Bool() ? nullptr : &request);
        break;
      }
      case 1: {
        const bool waited = steps_.waits;
        // OnStepEnd may not run inside the call, so the flag may be set before.
        steps_.waits = true;
        const fo_result result = Known(
            fo_steps_wait(steps_.steps, Time(), Buffer(), Shard(), Inbox(), OnStepEnd, &steps_));
        if (result != FO_HELD) steps_.waits = waited;
        return;
      }
      case 2:
        step = fo_steps_wait_ended(steps_.steps, Time());
        break;
      case 3:
        return TakeWork();
      default:
        step = fo_steps_attempt_ended(steps_.steps, Time(), Number());
        break;
    }
    Require(step <= FO_STEP_FINISH, "a step or an error");
    if (step < 0) Known(step);
    if (step == FO_STEP_FINISH) Known(fo_steps_result(steps_.steps));
    if (input_.Below(32) != 0) return;
    fo_steps_destroy(steps_.steps);
    steps_.waits = false;
    steps_.steps = fo_steps_create(0);
  }

  void Switch() {
    if (switchover_ == nullptr) {
      fo_switchover_options options = {};
      options.struct_size = Size(sizeof(options));
      options.transaction_grace_ms = input_.Bool() ? FO_NONE : Time();
      options.hold_timeout_ms = input_.Bool() ? 0 : Time();
      options.on_overdue = Number() % 3;
      options.release = Number() % 3;
      Known(fo_switchover_begin(Buffer(), Shard(), input_.Bool() ? nullptr : &options,
                                input_.Below(16) == 0 ? nullptr : &switchover_));
      return;
    }
    Known(fo_switchover_wait(switchover_, 0, nullptr, nullptr));
    if (input_.Bool()) Known(fo_switchover_commit(switchover_));
    if (input_.Bool()) Known(fo_switchover_abort(switchover_));
    if (input_.Bool()) fo_switchover_free(std::exchange(switchover_, nullptr));
  }

  void Look() {
    std::array<char, 9> server = {};
    Known(fo_primary(Buffer(), Shard(), server.data(), input_.Below(server.size() + 1)));
    Require(server.back() == '\0', "an address is never cut");
    fo_shard found = {1};
    const char* const keyspace = Text();
    const std::string kept = keyspace == nullptr ? "" : keyspace;
    Known(fo_shard_get(Buffer(), keyspace == nullptr ? nullptr : kept.c_str(), "0", &found));
    static_cast<void>(fo_shard_epoch(found));
    if (input_.Below(8) == 0) ReadMetrics();
  }

  void ReadMetrics() {
    std::string page;
    const auto append = [](void* to, const char* piece, std::size_t size) {
      Require(size > 0 && size <= 4096, "a piece of the metrics has a size");
      static_cast<std::string*>(to)->append(piece, size);
    };
    const bool asked = input_.Below(8) != 0;
    const fo_result result =
        Known(fo_metrics(Buffer(), asked ? static_cast<WriteFunction>(append) : nullptr, &page));
    Require((result == FO_OK) == !page.empty(), "metrics or an error");
    Require(page.empty() || page.back() == '\n', "the metrics are complete");
  }

  void End(Request& request) {
    if (request.wait == nullptr && request.held && !request.ended && request.calls == 0) {
      // A request without a handle ends with the shutdown.
      Known(fo_buffer_shutdown(buffer_));
      while (fo_inbox_poll(inbox_, 100) == 1) {
      }
      Require(request.calls == 1, "the shutdown ends what nobody cancels");
    }
    if (request.wait != nullptr && !request.held) {
      Known(fo_wait_take_token(request.wait, &request.retry));
    }
    fo_wait_free(request.wait);
    Require(fo_retry_done(&request.retry, FO_ATTEMPT_NONE) == FO_OK, "a token ends");
  }

  FuzzInput& input_;
  std::string text_;
  fo_buffer* buffer_ = nullptr;
  fo_inbox* inbox_ = nullptr;
  fo_shard shard_ = {0};
  fo_switchover* switchover_ = nullptr;
  Steps steps_;
  Shutdowns shutdowns_;
  // What the steps have counted, and the program keeps.
  std::vector<fo_retry> works_;
  // The addresses stay the same.
  std::deque<Request> requests_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  Machine machine(input);
  const std::size_t steps = size / 2;
  for (std::size_t step = 0; step < steps && step < kMostSteps; ++step) machine.Step();
  return 0;
}
