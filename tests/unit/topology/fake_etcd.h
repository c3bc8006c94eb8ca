// A small etcd for tests: its JSON gateway on a port of loopback, with a store in memory. It can be
// slow, mute, forgetful, hostile, or gone.
#ifndef FAILOVER_TESTS_UNIT_TOPOLOGY_FAKE_ETCD_H_
#define FAILOVER_TESTS_UNIT_TOPOLOGY_FAKE_ETCD_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace failover::test {

// Thread-safe, but for the destructor.
class FakeEtcd {
 public:
  FakeEtcd();
  ~FakeEtcd();

  FakeEtcd(const FakeEtcd&) = delete;
  FakeEtcd& operator=(const FakeEtcd&) = delete;

  // "http://127.0.0.1:1234"
  std::string url() const;

  // Each call is a revision of its own, which is returned.
  std::int64_t Put(const std::string& key, const std::string& value);
  std::int64_t Delete(const std::string& key);
  // Changes that no watch hears of.
  void MuteWatches(bool mute);
  // Forgets all revisions before the present one. Watches that need one are cancelled.
  void Compact();
  // The store becomes an empty one of another cluster, whose next revision is `revision`. All
  // connections are closed.
  void Rebuild(std::uint64_t cluster_id, std::int64_t revision);

  // Asks for a login from now on. Tokens of before are worth nothing.
  void AskForLogin(const std::string& user, const std::string& password);
  // Makes all tokens worthless.
  void ForgetTokens();

  // Answers are sent in pieces of this many bytes, each a chunk of its own in a watch.
  void SetPieces(std::size_t bytes);
  // Takes requests, and answers none of this path ("kv/range"), as long as `silent`.
  void SetSilent(const std::string& path, bool silent);
  // Answers requests for the path with these bytes, and closes the connection then. An empty text
  // ends that.
  void SetRawAnswer(const std::string& path, const std::string& answer);
  // Closes all connections, as a member does that is restarted.
  void CloseConnections();
  // Tells all watches this line.
  void TellWatches(const std::string& line);

  // How many requests for the path have come.
  int CountOf(const std::string& path) const;
  // Waits until so many have come. Returns false after kPatience.
  bool AwaitCount(const std::string& path, int count) const;
  // The body of the last request for the path.
  std::string LastBody(const std::string& path) const;

 private:
  struct Connection;
  struct Event {
    std::string type;
    std::string key;
    std::string value;
    std::int64_t create_revision;
    std::int64_t revision;
  };
  struct Stored {
    std::string value;
    std::int64_t create_revision;
    std::int64_t mod_revision;
  };

  void Run();
  void Accept();
  // All of these are called under the mutex.
  void Read(Connection& connection);
  void Answer(Connection& connection, const std::string& path, const std::string& body);
  void AnswerRange(Connection& connection);
  void AnswerLogin(Connection& connection, const std::string& body);
  void BeginWatch(Connection& connection, const std::string& body);
  void FeedWatch(Connection& connection);
  void FeedWatches();
  void Send(Connection& connection, const std::string& bytes);
  void SendChunk(Connection& connection, const std::string& line);
  void SendReply(Connection& connection, int code, const std::string& body);
  std::string Header() const;
  void WakeUp() const;

  mutable std::mutex mutex_;
  mutable std::condition_variable counted_;
  std::uint64_t cluster_id_ = 0xfedcba9876543210;
  std::int64_t revision_ = 10;
  std::int64_t compacted_ = 0;
  std::map<std::string, Stored> store_;
  std::vector<Event> events_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::string user_;
  std::string password_;
  int tokens_ = 0;  // the number of the only token that is worth something
  std::size_t piece_ = 1 << 20;
  bool mute_ = false;
  std::map<std::string, bool> silent_;
  std::map<std::string, std::string> raw_answers_;
  std::map<std::string, int> counts_;
  std::map<std::string, std::string> bodies_;
  bool stopping_ = false;

  int listener_ = -1;
  int wake_up_ = -1;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_UNIT_TOPOLOGY_FAKE_ETCD_H_
