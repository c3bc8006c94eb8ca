#include "watch/primary_election.h"

#include <algorithm>
#include <utility>

namespace failover::watch::internal {

void PrimaryElection::CheckStarted(std::size_t server) { servers_[server].check_began = ++tick_; }

void PrimaryElection::CheckEnded(std::size_t server, Observation observation) {
  Record(server, std::move(observation));
  Elect();
}

void PrimaryElection::Record(std::size_t index, Observation observation) {
  Server& server = servers_[index];
  const bool was_writable = Writable(server);
  ++tick_;
  server.checked = true;
  server.last = std::move(observation);
  server.last_began = server.check_began;
  if (server.last.seen == Seen::kReadOnly) {
    server.last_known_role = Role::kReadOnly;
    server.multi_writer = server.last.multi_writer;
    server.promoted = false;
  } else if (Writable(server)) {
    if (!was_writable) server.writable_since = tick_;
    if (server.last_known_role == Role::kReadOnly) server.promoted = true;
    server.last_known_role = Role::kWritable;
    server.multi_writer = server.last.multi_writer;
  }
  const bool primary_lost = primary_ == index && was_writable && !Writable(server);
  const bool rival_found = !was_writable && MayBePrimary(index) && SplitBrain();
  if (primary_lost || rival_found) doubt_since_ = tick_;
}

void PrimaryElection::Elect() {
  if (!PrimaryWritable()) {
    const std::optional<std::size_t> next = primary_ ? Successor() : FirstPrimary();
    if (next) {
      primary_ = next;
      ++term_;
    }
  }
  situation_ = Assess();
  if (situation_ == Situation::kPrimary) ForgetPromotions();
}

// The promotion of a server that takes no writes any more is over: the server is a former primary,
// or its promotion came to nothing. If such a server takes writes later, the reason is not the old
// promotion.
void PrimaryElection::ForgetPromotions() {
  for (Server& server : servers_) {
    if (!Writable(server)) server.promoted = false;
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
  // Another server that took writes and cannot be seen now may still take writes.
  return AnotherWasWritable(*first) ? std::nullopt : first;
}

std::optional<std::size_t> PrimaryElection::Successor() const {
  if (SplitBrain()) return std::nullopt;
  for (const std::size_t i : contenders()) {
    if (SeenSinceDoubt(i)) return i;
  }
  return std::nullopt;
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
  if (!Writable(servers_[index])) return false;
  return !primary_ || primary_ == index || servers_[index].promoted || peer_of_primary(index);
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
  // The newest contender raised the doubt, so that contender need not be checked twice.
  const std::vector<std::size_t> rivals = contenders();
  return std::count_if(rivals.begin(), rivals.end(), [this](std::size_t i) {
           return !SeenSinceDoubt(i) && servers_[i].writable_since != doubt_since_;
         }) == 0;
}

const Observation* PrimaryElection::last(std::size_t server) const {
  return servers_[server].checked ? &servers_[server].last : nullptr;
}

bool PrimaryElection::peer_of_primary(std::size_t server) const {
  return primary_ && servers_[server].multi_writer && servers_[*primary_].multi_writer;
}

bool PrimaryElection::known_as_replica(std::size_t server) const {
  return servers_[server].last_known_role == Role::kReadOnly;
}

bool PrimaryElection::distrusts(std::size_t server) const {
  if (!Writable(servers_[server])) return false;
  return primary_ ? !MayBePrimary(server) : situation_ == Situation::kNoPrimary;
}

bool PrimaryElection::Writable(const Server& server) {
  return server.checked && server.last.seen == Seen::kWritable;
}

bool PrimaryElection::AllChecked() const {
  return std::all_of(servers_.begin(), servers_.end(),
                     [](const Server& server) { return server.checked; });
}

bool PrimaryElection::AnotherWasWritable(std::size_t index) const {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (i != index && servers_[i].last_known_role == Role::kWritable) return true;
  }
  return false;
}

}  // namespace failover::watch::internal
