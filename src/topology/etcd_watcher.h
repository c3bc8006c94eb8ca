// Reads all keys below a prefix from an etcd cluster, and then watches them: login, range, watch,
// and a range every few seconds besides. Goes on with the next endpoint when something fails.
#ifndef FAILOVER_SRC_TOPOLOGY_ETCD_WATCHER_H_
#define FAILOVER_SRC_TOPOLOGY_ETCD_WATCHER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "failover/topology/etcd_options.h"
#include "topology/etcd_messages.h"
#include "topology/http_client.h"

namespace failover::topology::internal {

// Is told what a watcher learns, on the thread of the watcher.
class EtcdListener {
 public:
  virtual ~EtcdListener() = default;

  // All keys as they are now.
  virtual void OnRange(const RangeReply& reply) = 0;
  virtual void OnWatch(const WatchReply& reply) = 0;
  // What follows comes from a store that counts anew. `why` is for the log.
  virtual void OnNewNumbering(absl::string_view why) = 0;
  // The watch stands from now on.
  virtual void OnConnected(absl::string_view endpoint) = 0;
  // The watch does not stand any more, or still not. The text of `problem` names the endpoint.
  virtual void OnTrouble(const absl::Status& problem) = 0;
  // Everything up to this revision was told.
  virtual std::int64_t revision() const = 0;
};

// Not thread-safe. The options, the client and the listener must outlive the watcher.
class EtcdWatcher {
 public:
  using Time = std::chrono::steady_clock::time_point;

  EtcdWatcher(const EtcdOptions& options, HttpClient& client, std::string prefix,
              EtcdListener& listener);

  // Goes on with what has arrived and with what is due. Never waits.
  void Step(Time now);
  // When Step must be called at the latest, if nothing arrives.
  Time due() const;

 private:
  enum class Stage : std::uint8_t { kPause, kLogin, kRead, kWatch };

  void Connect(Time now);
  void Read(Time now);
  void Watch(Time now);
  std::unique_ptr<HttpRequest> Start(absl::string_view path, std::string body, bool endless);

  void StepLogin(Time now);
  void StepRead(Time now);
  void StepWatch(Time now);
  void TakeLine(const std::string& line, Time now);
  void StepPoll(Time now);

  // The body of an answer that is complete. Anything else ends in Fail.
  bool HasAnswer(const std::unique_ptr<HttpRequest>& request, Time now);
  // Tells the keys. False: the answer is malformed, and Fail was called.
  bool TellRange(const std::string& body, Time now);
  // Returns whether the answer comes from another store than those of before.
  bool NoteStore(const RangeReply& reply);
  // The endpoint has answered with another HTTP status than 200.
  void Refused(long http_code, absl::string_view body, Time now);
  void Fail(const absl::Status& problem, Time now);
  void PauseFor(Time::duration pause, Time now);
  const std::string& endpoint() const { return options_.endpoints[endpoint_]; }

  const EtcdOptions& options_;
  HttpClient& client_;
  const std::string prefix_;
  EtcdListener& listener_;
  std::minstd_rand random_;

  Stage stage_ = Stage::kPause;
  std::size_t endpoint_ = 0;
  int failures_ = 0;  // since the watch stood
  // When the pause ends, or when the watch must have begun.
  Time deadline_;
  Time next_poll_;
  std::string token_;
  bool token_worked_ = false;
  // The login, or the read of all keys.
  std::unique_ptr<HttpRequest> question_;
  std::unique_ptr<HttpRequest> watch_;
  bool watch_stands_ = false;
  // What the listener knew when the last question was sent. A later answer tells at least as much.
  std::int64_t revision_asked_ = 0;
  // A poll told of something newer than the watch had. The watch must have told it by the next
  // poll, or it is dead.
  std::int64_t watched_revision_ = 0;
  std::int64_t watch_must_reach_ = 0;
  std::uint64_t cluster_id_ = 0;
};

}  // namespace failover::topology::internal

#endif  // FAILOVER_SRC_TOPOLOGY_ETCD_WATCHER_H_
