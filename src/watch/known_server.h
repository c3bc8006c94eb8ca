// What an election knows about one address of a server, and which address speaks for a server that
// has several.
#ifndef FAILOVER_SRC_WATCH_KNOWN_SERVER_H_
#define FAILOVER_SRC_WATCH_KNOWN_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/watch/server_probe.h"

namespace failover::watch::internal {

// Whether a check that has found `seen` tells what the server is.
bool Tells(Seen seen);
// Whether the server has answered. `seen` must tell something.
bool Answers(Seen seen);

struct KnownServer {
  // What a server was when it answered last.
  enum class Role : std::uint8_t { kUnknown, kReadOnly, kWritable };

  // A check has ended.
  bool checked = false;
  // A check has told something. `last` is what the last such check has found.
  bool heard = false;
  Observation last;
  // The checks since `blind_since`, a tick, have told nothing.
  bool blind = false;
  std::uint64_t blind_since = 0;

  // The identity of the server that answered last. The identity is kept while nobody answers.
  std::string identity;
  // Another address speaks for the server (ChooseSpeakers).
  bool silent = false;
  // The history and the generation that the server told when it answered last. The claim is 0 if
  // the server replicated another one then, or if promotions have no numbers.
  std::string history;
  std::uint64_t claim = 0;

  // These are the same for all addresses of a server (LearnRole).
  Role last_known_role = Role::kUnknown;
  // The tick when the check ended that told the role.
  std::uint64_t role_told = 0;
  // The server was seen read-only, and later taking writes: somebody promoted it.
  bool promoted = false;
  // When the first primary was elected, no check had told anything about this server. Holds until
  // its role is known.
  bool unheard = false;
  // The server was `unheard`, and takes writes: it may be the true primary.
  bool rival = false;

  bool multi_writer = false;
  // The address moved to a server that had taken writes before without being promoted, a former
  // primary for instance. Holds until the server was seen read-only.
  bool moved_to_suspect = false;

  // The tick when the check that is under way began.
  std::uint64_t check_began = 0;
  // The ticks when the check began that ended last, and the one that found `last`.
  std::uint64_t asked_began = 0;
  std::uint64_t last_began = 0;
  // The tick when a check made the server a contender.
  std::uint64_t contender_since = 0;

  // Whether the server takes writes, in the words of the address that speaks for it.
  bool writable() const { return heard && !silent && last.seen == Seen::kWritable; }
};

// Whether both are known to be one server.
bool SameServer(const std::string& identity, const std::string& other);

// Whether the server was seen taking writes by the last check of `server` or of another address,
// whoever speaks.
bool WritesBySomeAddress(const std::vector<KnownServer>& servers, const KnownServer& server);

// The address that speaks for the server `identity`: `preferred` if it has that identity and
// answers, otherwise the first one that does. An address that is blind gives way to one that was
// asked later and is not. nullopt if no address answers.
std::optional<std::size_t> SpeakerOf(const std::vector<KnownServer>& servers,
                                     const std::string& identity,
                                     std::optional<std::size_t> preferred);

// Sets `silent` of all servers.
void ChooseSpeakers(std::vector<KnownServer>& servers, std::optional<std::size_t> preferred);

// The address `index` belongs to the server `identity` from now on. What was known of another
// server is forgotten. What another address has told about the new one is taken over.
void MoveTo(std::vector<KnownServer>& servers, std::size_t index, const std::string& identity);

// Learns the role of the server from its last check, which ended at `tick`. Other addresses of the
// same server learn the role, too.
void LearnRole(std::vector<KnownServer>& servers, std::size_t index, std::uint64_t tick);

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_KNOWN_SERVER_H_
