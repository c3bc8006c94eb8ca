// This program ends while static variables still hold Buffers, tokens and handles. Its argument
// says in which order they are destroyed. The program must exit with 0 and without a complaint of a
// sanitizer.
#include <atomic>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "failover/buffer.h"

namespace {

using failover::Buffer;
using failover::BufferedRequest;
using failover::RetryDoneFunc;
using failover::ShardHandle;
using failover::Threading;

absl::Status FailoverError() {
  return failover::MarkCausedByFailover(absl::UnavailableError("no primary"));
}

struct Leftovers {
  RetryDoneFunc token;
  BufferedRequest handle;
};

// These variables are initialised before main, so they are destroyed last, after everything that
// main creates.
Leftovers destroyed_after_the_buffer;
std::unique_ptr<Buffer> destroyed_last;
Leftovers destroyed_before_the_buffer;

// Leaves one request whose retry is under way, and one request that is held.
void Use(Buffer& buffer, Leftovers* leftovers) {
  const ShardHandle shard = buffer.GetShard("ks", "0");
  buffer.StartBuffering(shard, "a test");
  std::atomic<bool> released{false};
  BufferedRequest first = *buffer.WaitForFailoverEndAsync(
      {}, shard, FailoverError(), [leftovers, &released](absl::StatusOr<RetryDoneFunc> result) {
        if (result.ok()) leftovers->token = *std::move(result);
        released = true;
      });
  first.Detach();
  buffer.StopBuffering(shard);
  while (!released) {
    buffer.Poll();
    std::this_thread::yield();
  }
  const ShardHandle other = buffer.GetShard("ks", "1");
  leftovers->handle = *buffer.WaitForFailoverEndAsync({}, other, FailoverError(),
                                                      [](const absl::StatusOr<RetryDoneFunc>&) {});
}

std::unique_ptr<Buffer> MakeBuffer(Threading threading) {
  failover::BufferOptions options;
  options.threading = threading;
  // The token stays in a static variable of the program, so it cannot end before the Buffer. The
  // Buffer must not wait for it.
  options.shutdown_grace = absl::ZeroDuration();
  return *Buffer::Create(std::move(options));
}

void TokenOutlivesBuffer(Threading threading) {
  destroyed_last = MakeBuffer(threading);
  Use(*destroyed_last, &destroyed_after_the_buffer);
}

void BufferOutlivesToken(Threading threading) {
  destroyed_last = MakeBuffer(threading);
  Use(*destroyed_last, &destroyed_before_the_buffer);
}

void BufferInAFunction(Threading threading) {
  static const std::unique_ptr<Buffer> buffer = MakeBuffer(threading);
  Use(*buffer, &destroyed_after_the_buffer);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<void(Threading)>> orders = {
      {"token-outlives-buffer", TokenOutlivesBuffer},
      {"buffer-outlives-token", BufferOutlivesToken},
      {"buffer-in-a-function", BufferInAFunction},
  };
  const auto order = argc == 3 ? orders.find(argv[1]) : orders.end();
  const std::string threading = argc == 3 ? argv[2] : "";
  if (order == orders.end() || (threading != "service" && threading != "manual")) {
    std::fputs("usage: static_destruction <order> service|manual\norders:\n", stderr);
    for (const auto& known : orders) std::fprintf(stderr, "  %s\n", known.first.c_str());
    return 2;
  }
  order->second(threading == "service" ? Threading::kServiceThread : Threading::kManual);
  return 0;
}
