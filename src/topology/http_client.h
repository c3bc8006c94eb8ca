// Sends requests over HTTP from one thread, with libcurl's multi interface. No call waits but Wait,
// and nothing is called back: whoever starts a request looks afterwards what has become of it.
#ifndef FAILOVER_SRC_TOPOLOGY_HTTP_CLIENT_H_
#define FAILOVER_SRC_TOPOLOGY_HTTP_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "failover/topology/etcd_options.h"

namespace failover::topology::internal {

struct HttpPost {
  std::string url;
  std::string body;
  // The value of the header Authorization. Empty: the header is not sent.
  std::string authorization;
  // For the whole request, or for the connection only if the answer has no end.
  std::chrono::milliseconds timeout;
  // The answer consists of lines and has no end.
  bool endless = false;
};

// A request that is under way or has ended. Its destructor gives the request up. Must be used on
// the thread of its client only, which must outlive it.
class HttpRequest {
 public:
  // An answer, or a line of an endless answer, is not longer than this.
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20;

  virtual ~HttpRequest() = default;

  // nullopt: the request is under way. An error: there is no whole answer, and the text says why.
  virtual std::optional<absl::Status> end() const = 0;
  // The status of the answer; 0 as long as there is none.
  virtual long http_code() const = 0;
  // What has arrived and was not taken as a line.
  virtual const std::string& body() const = 0;
  // The lines of an endless answer that have arrived since the last call, without their ends.
  virtual std::vector<std::string> TakeLines() = 0;
};

// Not thread-safe, but for WakeUp.
class HttpClient {
 public:
  // Returns nullptr if there is no memory or file descriptor.
  static std::unique_ptr<HttpClient> Create(const EtcdTls& tls);
  virtual ~HttpClient() = default;

  // Returns nullptr if there is no memory.
  virtual std::unique_ptr<HttpRequest> Start(const HttpPost& post) = 0;
  // Waits until a request has gone on, until another thread calls WakeUp, or for `most`.
  virtual void Wait(std::chrono::milliseconds most) = 0;
  virtual void WakeUp() = 0;
};

}  // namespace failover::topology::internal

#endif  // FAILOVER_SRC_TOPOLOGY_HTTP_CLIENT_H_
