#include "watch/known_server.h"

#include <algorithm>

namespace failover::watch::internal {
namespace {

using Role = KnownServer::Role;

bool MaySpeakFor(const KnownServer& server, const std::string& identity) {
  return server.heard && Answers(server.last.seen) && SameServer(server.identity, identity);
}

// Whether another address can tell what the server is since `server` cannot.
bool GivesWay(const std::vector<KnownServer>& servers, const KnownServer& server) {
  if (!server.blind) return false;
  for (const KnownServer& other : servers) {
    const bool sees = MaySpeakFor(other, server.identity) && !other.blind;
    if (sees && other.last_began > server.blind_since) return true;
  }
  return false;
}

void CopyRole(const KnownServer& from, KnownServer& to) {
  to.last_known_role = from.last_known_role;
  to.role_told = from.role_told;
  to.promoted = from.promoted;
  to.unheard = from.unheard;
  to.rival = from.rival;
}

}  // namespace

bool Tells(Seen seen) {
  return seen != Seen::kRefused && seen != Seen::kFull && seen != Seen::kUnknown;
}

bool Answers(Seen seen) { return seen != Seen::kUnreachable && seen != Seen::kHung; }

bool SameServer(const std::string& identity, const std::string& other) {
  return !identity.empty() && identity == other;
}

bool WritesBySomeAddress(const std::vector<KnownServer>& servers, const KnownServer& server) {
  return std::any_of(servers.begin(), servers.end(), [&](const KnownServer& other) {
    const bool same = &other == &server || SameServer(other.identity, server.identity);
    return same && other.heard && other.last.seen == Seen::kWritable;
  });
}

std::optional<std::size_t> SpeakerOf(const std::vector<KnownServer>& servers,
                                     const std::string& identity,
                                     std::optional<std::size_t> preferred) {
  const auto speaks = [&](const KnownServer& server) {
    return MaySpeakFor(server, identity) && !GivesWay(servers, server);
  };
  if (preferred && speaks(servers[*preferred])) return preferred;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (speaks(servers[i])) return i;
  }
  return std::nullopt;
}

void ChooseSpeakers(std::vector<KnownServer>& servers, std::optional<std::size_t> preferred) {
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const std::optional<std::size_t> speaker = SpeakerOf(servers, servers[i].identity, preferred);
    servers[i].silent = speaker.has_value() && speaker != i;
  }
}

void MoveTo(std::vector<KnownServer>& servers, std::size_t index, const std::string& identity) {
  KnownServer& server = servers[index];
  const bool moved = !server.identity.empty() && !identity.empty() && server.identity != identity;
  server.identity = identity;
  if (moved) CopyRole(KnownServer(), server);
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (i == index || !SameServer(servers[i].identity, identity)) continue;
    CopyRole(servers[i], server);
    break;
  }
  const bool distrusted = server.last_known_role == Role::kWritable && !server.promoted;
  // Another address has told something newer than the check that has found the move.
  const bool outdated = server.last_began < server.role_told;
  server.moved_to_suspect = moved && (distrusted || outdated);
}

void LearnRole(std::vector<KnownServer>& servers, std::size_t index, std::uint64_t tick) {
  KnownServer& server = servers[index];
  const bool read_only = server.last.seen == Seen::kReadOnly;
  if (!read_only && server.last.seen != Seen::kWritable) return;
  server.multi_writer = server.last.multi_writer;
  // A check by another address may have looked later, and ended earlier. Nobody can tell which of
  // the two is newer, so they do not prove a promotion together.
  if (server.last_began < server.role_told) return;
  server.promoted = !read_only && (server.promoted || server.last_known_role == Role::kReadOnly);
  server.rival = !read_only && (server.rival || server.unheard);
  server.unheard = false;
  server.last_known_role = read_only ? Role::kReadOnly : Role::kWritable;
  server.role_told = tick;
  for (KnownServer& other : servers) {
    if (!SameServer(other.identity, server.identity)) continue;
    if (&other != &server) CopyRole(server, other);
    other.moved_to_suspect = other.moved_to_suspect && !read_only;
  }
  // A server without an identity is not among the others.
  server.moved_to_suspect = server.moved_to_suspect && !read_only;
}

}  // namespace failover::watch::internal
