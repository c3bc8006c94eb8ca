#include "topology/cluster_view.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "topology/patroni_keys.h"
#include "watch/finding.h"

namespace failover::topology::internal {
namespace {

using watch::internal::Printable;

constexpr absl::string_view kLeader = "leader";
constexpr absl::string_view kFailover = "failover";
constexpr absl::string_view kMembers = "members/";
// A cluster has some servers. A number far above that bounds the memory and the log.
constexpr std::size_t kMostMembers = 256;
// What Patroni writes of a member has some hundred bytes.
constexpr std::size_t kLongestMember = std::size_t{64} << 10;
constexpr std::int64_t kLastTerm = std::numeric_limits<std::int64_t>::max();

// Terms stay at the last one. Only an etcd that lies about its revisions leads there.
std::int64_t TermAfter(std::int64_t before, std::int64_t revision) {
  return revision > kLastTerm - before ? kLastTerm : before + revision;
}

bool Same(const PatroniSwitchover& a, const PatroniSwitchover& b) {
  return a.leader == b.leader && a.candidate == b.candidate && a.scheduled_at == b.scheduled_at;
}

}  // namespace

void ClusterView::TakeRange(const RangeReply& reply) {
  if (reply.header.revision < revision_) return;
  DeleteAllBut(reply);
  for (const EtcdKey& key : reply.keys) Put(key);
  revision_ = reply.header.revision;
  changed_ |= !known_;
  known_ = true;
  new_numbering_ = false;
}

void ClusterView::TakeWatch(const WatchReply& reply) {
  std::int64_t newest = reply.IsProgress() ? reply.header.revision : revision_;
  for (const WatchEvent& event : reply.events) {
    const std::int64_t revision = event.key.mod_revision;
    // The range was read later than this event happened.
    if (revision <= revision_) continue;
    newest = std::max(newest, revision);
    if (event.deleted) {
      Delete(NameOf(event.key));
    } else {
      Put(event.key);
    }
  }
  // All events of one revision come in one line, so they are compared with the revision of before.
  revision_ = std::max(revision_, newest);
}

void ClusterView::BeginNewNumbering() {
  ++numbering_;
  revision_ = 0;
  new_numbering_ = true;
  terms_before_ = leader_.term;
}

std::vector<PatroniMember> ClusterView::Members() const {
  std::vector<PatroniMember> members;
  for (const auto& [name, member] : members_) members.push_back(member);
  return members;
}

bool ClusterView::TakeChanged() { return std::exchange(changed_, false); }

std::vector<std::string> ClusterView::TakeProblems() { return std::exchange(problems_, {}); }

void ClusterView::Put(const EtcdKey& key) {
  const absl::string_view name = NameOf(key);
  if (name == kLeader) {
    SetLeader(key);
  } else if (name == kFailover) {
    SetAnnouncement(key);
  } else if (absl::StartsWith(name, kMembers)) {
    PutMember(name, key.value);
  }
}

void ClusterView::Delete(absl::string_view name) {
  if (name == kLeader) {
    changed_ |= !leader_.name.empty();
    leader_.name.clear();
  } else if (name == kFailover) {
    changed_ |= announced_.has_value();
    announced_.reset();
  } else if (absl::StartsWith(name, kMembers)) {
    const auto found = members_.find(absl::StripPrefix(name, kMembers));
    if (found == members_.end()) return;
    members_.erase(found);
    changed_ = true;
  }
  const auto told = told_.find(name);
  if (told != told_.end()) told_.erase(told);
}

void ClusterView::SetLeader(const EtcdKey& key) {
  // A key that was deleted and made anew is a change, also with the same name: nobody led in
  // between. In another store the same name is no change.
  const bool made_anew = key.create_revision != leader_created_ && !new_numbering_;
  leader_created_ = key.create_revision;
  if (key.value == leader_.name && !made_anew) return;
  changed_ = true;
  leader_.name = key.value;
  if (key.value.empty()) return;
  if (TermAfter(terms_before_, key.mod_revision) <= leader_.term) {
    // Revisions of one store only grow. So this is another one that bears the same identifier, and
    // has overtaken the revision that was known.
    ++numbering_;
    terms_before_ = leader_.term;
    problems_.push_back(
        absl::StrCat("the leader has an older revision: terms go on from ", leader_.term));
  }
  leader_.term = TermAfter(terms_before_, key.mod_revision);
}

void ClusterView::PutMember(absl::string_view name, const std::string& value) {
  const absl::string_view member_name = absl::StripPrefix(name, kMembers);
  if (value.size() > kLongestMember) {
    NoteProblem(name, absl::ResourceExhaustedError("it is too long"));
    return;
  }
  absl::StatusOr<PatroniMember> member = ParseMember(member_name, value);
  if (!member.ok()) {
    NoteProblem(name, member.status());
    return;
  }
  const auto known = members_.find(member_name);
  if (known == members_.end()) {
    if (members_.size() >= kMostMembers) {
      NoteProblem(kMembers, absl::ResourceExhaustedError("too many members"));
      return;
    }
    members_.emplace(member_name, *std::move(member));
    changed_ = true;
  } else if (!(known->second == *member)) {
    known->second = *std::move(member);
    changed_ = true;
  }
}

void ClusterView::SetAnnouncement(const EtcdKey& key) {
  absl::StatusOr<std::optional<PatroniSwitchover>> switchover = ParseAnnouncement(key.value);
  if (!switchover.ok()) NoteProblem(kFailover, switchover.status());
  if (!switchover.ok() || !switchover->has_value()) {
    changed_ |= announced_.has_value();
    announced_.reset();
    return;
  }
  changed_ |= !announced_.has_value() || !Same(announced_->switchover, **switchover);
  announced_ = Announced{**std::move(switchover), key.mod_revision};
}

absl::string_view ClusterView::NameOf(const EtcdKey& key) const {
  const absl::string_view name = key.key;
  return absl::StartsWith(name, prefix_) ? name.substr(prefix_.size()) : absl::string_view();
}

void ClusterView::DeleteAllBut(const RangeReply& reply) {
  std::set<absl::string_view> present;
  for (const EtcdKey& key : reply.keys) present.insert(NameOf(key));
  std::vector<std::string> gone;
  for (const absl::string_view name : {kLeader, kFailover}) {
    if (present.count(name) == 0) gone.emplace_back(name);
  }
  for (const auto& [member, unused] : members_) {
    std::string name = absl::StrCat(kMembers, member);
    if (present.count(name) == 0) gone.push_back(std::move(name));
  }
  for (const std::string& name : gone) Delete(name);
}

void ClusterView::NoteProblem(absl::string_view name, const absl::Status& problem) {
  if (told_.size() >= kMostMembers && told_.find(name) == told_.end()) return;
  std::string& told = told_[std::string(name)];
  if (told == problem.message()) return;
  told = std::string(problem.message());
  problems_.push_back(
      Printable(absl::StrCat("the value of ", prefix_, name, " cannot be read: ", told)));
}

}  // namespace failover::topology::internal
