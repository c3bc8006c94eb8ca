#include "watch/primary_election.h"

#include <algorithm>
#include <utility>

namespace failover::watch::internal {

void PrimaryElection::CheckStarted(std::size_t server) { servers_[server].check_began = ++tick_; }

void PrimaryElection::CheckEnded(std::size_t server, Observation observation) {
  const Before before{PrimaryWritable(), ServerOfPrimaryWrites(), contenders()};
  Record(server, std::move(observation));
  ChooseSpeakers(servers_, primary_);
  RaiseDoubt(server, before);
  Elect();
}

void PrimaryElection::Record(std::size_t index, Observation observation) {
  KnownServer& server = servers_[index];
  ++tick_;
  server.checked = true;
  server.asked_began = server.check_began;
  if (!Tells(observation.seen)) {
    if (!server.blind) server.blind_since = tick_;
    server.blind = true;
    return;
  }
  server.blind = false;
  server.heard = true;
  server.last = std::move(observation);
  server.last_began = server.check_began;
  if (Answers(server.last.seen) && server.last.identity != server.identity) {
    MoveTo(servers_, index, server.last.identity);
  }
  if (Answers(server.last.seen)) {
    server.history = server.last.history;
    server.claim = server.last.generation;
  }
  LearnRole(servers_, index, tick_);
}

void PrimaryElection::RaiseDoubt(std::size_t index, const Before& before) {
  const auto is_new = [&](std::size_t i) {
    return std::find(before.contenders.begin(), before.contenders.end(), i) ==
           before.contenders.end();
  };
  const std::vector<std::size_t> now = contenders();
  const bool newcomer = std::any_of(now.begin(), now.end(), is_new);
  if (MayBePrimary(index) && is_new(index)) servers_[index].contender_since = tick_;

  const bool rival_found = newcomer && SplitBrain();
  // The same server may have been seen taking writes by another address just now.
  const bool seen_elsewhere = IsServerOfPrimary(index) && MayBePrimary(index);
  const bool address_lost = before.primary_wrote && !PrimaryWritable() && !seen_elsewhere;
  const bool server_lost = before.server_of_primary_wrote && !ServerOfPrimaryWrites();
  if (address_lost || server_lost || rival_found) doubt_since_ = tick_;
}

void PrimaryElection::Elect() {
  if (!PrimaryWritable()) {
    const std::optional<std::size_t> next = primary_ ? Successor() : FirstPrimary();
    if (next) Install(*next);
  }
  situation_ = Assess();
  if (situation_ != Situation::kPrimary) return;
  AcceptMoveOfPrimary();
  ForgetPromotions();
}

void PrimaryElection::Install(std::size_t index) {
  const bool first = !primary_;
  const bool another = !first && !IsServerOfPrimary(index);
  primary_ = index;
  RememberPrimary();
  ++term_;
  for (KnownServer& server : servers_) {
    if (first) server.unheard = !server.heard;
    if (another) server.unheard = false;
  }
}

// The address of the primary leads to another server now, and nobody contends with that server.
void PrimaryElection::AcceptMoveOfPrimary() {
  const KnownServer& primary = servers_[*primary_];
  if (primary.identity.empty() || primary.identity == primary_identity_) return;
  // Data of the same generation mean that the primary was only restarted.
  const bool restarted = primary.claim != 0 && primary.claim == primary_generation_ &&
                         primary.history == primary_history_;
  // The address of a multi-writer cluster may lead to another node with each connection.
  if (!primary_identity_.empty() && !primary.multi_writer && !restarted) ++term_;
  RememberPrimary();
}

void PrimaryElection::RememberPrimary() {
  const KnownServer& primary = servers_[*primary_];
  primary_identity_ = primary.identity;
  primary_history_ = primary.history;
  primary_generation_ = primary.claim;
}

// The promotion of a server that takes no writes any more is over: the server is a former primary,
// or its promotion came to nothing. If such a server takes writes later, the reason is not the old
// promotion.
void PrimaryElection::ForgetPromotions() {
  for (KnownServer& server : servers_) {
    // A silent address may be the first that has seen the promotion.
    if (WritesBySomeAddress(servers_, server)) continue;
    server.promoted = false;
    server.rival = false;
  }
}

PrimaryElection::Situation PrimaryElection::Assess() const {
  if (!primary_ && !AllChecked()) return Situation::kStarting;
  if (SplitBrain()) return Situation::kSplitBrain;
  if (!PrimaryWritable()) return Situation::kNoPrimary;
  // A rival may have come and gone. The doubt remains until the primary has been checked again.
  return SeenSinceDoubt(*primary_) ? Situation::kPrimary : Situation::kSplitBrain;
}

std::optional<std::size_t> PrimaryElection::FirstPrimary() const {
  if (!AllChecked()) return std::nullopt;
  const std::optional<std::size_t> first = Successor();
  if (!first || servers_[*first].promoted || servers_[*first].multi_writer) return first;
  if (standing(*first) == Standing::kFirst) return first;
  // Another server that took writes and cannot be seen now may still take writes.
  return AnotherWasWritable(*first) ? std::nullopt : first;
}

std::optional<std::size_t> PrimaryElection::Successor() const {
  if (SplitBrain()) return std::nullopt;
  for (const std::size_t i : contenders()) {
    if (SeenSinceDoubt(i) && MaySucceed(i)) return i;
  }
  return std::nullopt;
}

// Nobody was seen to promote a mere rival. So the others must be known to take no writes, as for a
// first primary.
bool PrimaryElection::MaySucceed(std::size_t index) const {
  const KnownServer& server = servers_[index];
  if (standing(index) == Standing::kFirst) return true;
  const bool mere_rival = server.rival && !server.promoted && !server.multi_writer;
  return !mere_rival || !AnotherWasWritable(index);
}

// What a check found before the primary was lost, or before a rival was found, may have changed
// since.
bool PrimaryElection::SeenSinceDoubt(std::size_t index) const {
  return servers_[index].last_began > doubt_since_;
}

bool PrimaryElection::SplitBrain() const {
  const std::vector<std::size_t> rivals = contenders();
  const bool one_cluster = std::all_of(rivals.begin(), rivals.end(),
                                       [this](std::size_t i) { return servers_[i].multi_writer; });
  return rivals.size() > 1 && !one_cluster;
}

bool PrimaryElection::MayBePrimary(std::size_t index) const {
  const KnownServer& server = servers_[index];
  if (!server.writable()) return false;
  const Standing by_generation = standing(index);
  if (by_generation != Standing::kNotNumbered) return by_generation == Standing::kFirst;
  if (!primary_ || IsServerOfPrimary(index)) return true;
  // The address of the primary is trusted, whoever answers there, unless there is a reason not to.
  if (primary_ == index && !server.moved_to_suspect) return true;
  return server.promoted || server.rival || peer_of_primary(index);
}

std::vector<std::size_t> PrimaryElection::contenders() const {
  std::vector<std::size_t> contenders;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (MayBePrimary(i)) contenders.push_back(i);
  }
  return contenders;
}

bool PrimaryElection::split_brain_confirmed() const {
  if (!SplitBrain()) return false;
  // The newest contender raised the doubt, so that contender need not be checked twice. A check
  // that tells nothing is all that can be had of a server that refuses the monitor.
  const std::vector<std::size_t> rivals = contenders();
  return std::all_of(rivals.begin(), rivals.end(), [this](std::size_t i) {
    const KnownServer& server = servers_[i];
    return server.asked_began > doubt_since_ || server.contender_since == doubt_since_;
  });
}

const Observation* PrimaryElection::last(std::size_t server) const {
  return servers_[server].heard ? &servers_[server].last : nullptr;
}

std::size_t PrimaryElection::speaker(std::size_t server) const {
  return SpeakerOf(servers_, servers_[server].identity, primary_).value_or(server);
}

bool PrimaryElection::peer_of_primary(std::size_t server) const {
  return primary_ && servers_[server].multi_writer && servers_[*primary_].multi_writer;
}

bool PrimaryElection::known_as_replica(std::size_t server) const {
  return servers_[server].last_known_role == Role::kReadOnly;
}

bool PrimaryElection::distrusts(std::size_t server) const {
  if (!servers_[server].writable()) return false;
  return primary_ ? !MayBePrimary(server) : situation_ == Situation::kNoPrimary;
}

bool PrimaryElection::IsServerOfPrimary(std::size_t index) const {
  return SameServer(servers_[index].identity, primary_identity_);
}

bool PrimaryElection::ServerOfPrimaryWrites() const {
  const std::vector<std::size_t> writers = contenders();
  return std::any_of(writers.begin(), writers.end(),
                     [this](std::size_t i) { return i == primary_ || IsServerOfPrimary(i); });
}

bool PrimaryElection::AllChecked() const {
  return std::all_of(servers_.begin(), servers_.end(),
                     [](const KnownServer& server) { return server.checked; });
}

bool PrimaryElection::AnotherWasWritable(std::size_t index) const {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const bool same = i == index || SameServer(servers_[i].identity, servers_[index].identity);
    if (!same && servers_[i].last_known_role == Role::kWritable) return true;
  }
  return false;
}

}  // namespace failover::watch::internal
