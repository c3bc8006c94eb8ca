// This fuzzer covers what a feed of a topology service reads: the answers of etcd, the values of
// Patroni's keys, and the sequences in which they may come. Terms must never go back, and only a
// leader that stands in etcd may end a hold.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "fuzz_input.h"
#include "topology/announced_hold.h"
#include "topology/cluster_view.h"
#include "topology/etcd_messages.h"
#include "topology/line_cutter.h"
#include "topology/patroni_keys.h"

namespace failover::fuzz {
namespace {

using topology::internal::AnnouncedHold;
using topology::internal::ClusterView;
using topology::internal::ErrorOfReply;
using topology::internal::EtcdHeader;
using topology::internal::EtcdKey;
using topology::internal::HoldStep;
using topology::internal::LineCutter;
using topology::internal::ParseAnnouncement;
using topology::internal::ParseAuthenticateReply;
using topology::internal::ParseMember;
using topology::internal::ParseRangeReply;
using topology::internal::ParseWatchLine;
using topology::internal::RangeReply;
using topology::internal::WatchEvent;
using topology::internal::WatchReply;

constexpr std::array<const char*, 8> kAnnouncements = {
    R"({"leader":"n1","member":"n2"})",
    R"({"member":"n2"})",
    R"({"leader":"n2"})",
    R"({"leader":"n1","scheduled_at":"2027-01-15T08:00:03+00:00"})",
    R"({"leader":"n1","scheduled_at":"2027-01-15T07:00:00+00:00"})",
    "{}",
    "",
    "nonsense"};
constexpr std::array<const char*, 4> kKeys = {"/s/leader", "/s/failover", "/s/members/n1", "/x"};

void CheckKey(const EtcdHeader& header, const EtcdKey& key) {
  Require(key.mod_revision > 0 && key.mod_revision <= header.revision,
          "a key is not newer than its store");
}

void CheckAnswers(const std::string& text) {
  if (const auto range = ParseRangeReply(text); range.ok()) {
    for (const EtcdKey& key : range->keys) CheckKey(range->header, key);
  }
  if (const auto watch = ParseWatchLine(text); watch.ok()) {
    for (const WatchEvent& event : watch->events) CheckKey(watch->header, event.key);
  }
  if (const auto token = ParseAuthenticateReply(text); token.ok()) {
    Require(token->find_first_of("\r\n") == std::string::npos, "a token is one line");
  }
  Require(!ErrorOfReply(500, text).ok(), "a refusal is an error");
}

void CheckValues(const std::string& text) {
  if (const auto announced = ParseAnnouncement(text); announced.ok() && announced->has_value()) {
    Require(!(*announced)->leader.empty() || !(*announced)->candidate.empty(),
            "an announcement names somebody");
  }
  if (const auto member = ParseMember("n1", text); member.ok()) {
    Require(member->name == "n1", "a member keeps its name");
  }
}

void CheckCuts(FuzzInput& input) {
  const std::size_t first = input.Byte();
  const std::string text = input.Rest();
  LineCutter whole(text.size());
  LineCutter pieces(text.size());
  const std::size_t cut = text.empty() ? 0 : first % text.size();
  Require(whole.Add(text) && pieces.Add(text.substr(0, cut)) && pieces.Add(text.substr(cut)),
          "a text that fits is taken");
  Require(whole.TakeLines() == pieces.TakeLines() && whole.rest() == pieces.rest(),
          "the place of a cut does not matter");
}

// A cluster, and what a feed would do for it.
class Cluster {
 public:
  explicit Cluster(FuzzInput& input) : input_(input) {}

  void Step() {
    switch (input_.Below(6)) {
      case 0:
        view_.TakeRange(Range());
        break;
      case 1:
      case 2:
        view_.TakeWatch(Watch());
        break;
      case 3:
        view_.BeginNewNumbering();
        break;
      case 4:
        now_ += std::chrono::milliseconds(input_.Byte() * 20);
        break;
      default:
        hold_.Ended();
    }
    CheckView();
    CheckHold();
  }

 private:
  EtcdKey Key() {
    EtcdKey key;
    key.key = kKeys.at(input_.Below(kKeys.size()));
    key.value = key.key == kKeys[1] ? kAnnouncements.at(input_.Below(kAnnouncements.size()))
                                    : "n" + std::to_string(input_.Below(3));
    key.create_revision = 1 + input_.Byte();
    key.mod_revision = key.create_revision + input_.Byte();
    return key;
  }
  RangeReply Range() {
    RangeReply reply;
    for (std::size_t i = input_.Below(4); i > 0; --i) reply.keys.push_back(Key());
    for (const EtcdKey& key : reply.keys) Reach(key.mod_revision, &reply.header);
    Reach(input_.Byte(), &reply.header);
    return reply;
  }
  WatchReply Watch() {
    WatchReply reply;
    for (std::size_t i = input_.Below(4); i > 0; --i) {
      reply.events.push_back({input_.Bool(), Key()});
      Reach(reply.events.back().key.mod_revision, &reply.header);
    }
    reply.created = input_.Bool();
    return reply;
  }
  static void Reach(std::int64_t revision, EtcdHeader* header) {
    if (revision > header->revision) header->revision = revision;
  }

  void CheckView() {
    Require(view_.leader().term >= term_, "terms never go back");
    Require(
        view_.leader().name == name_ || view_.leader().name.empty() || view_.leader().term > term_,
        "another leader has a higher term");
    if (!view_.leader().name.empty()) name_ = view_.leader().name;
    term_ = view_.leader().term;
  }

  void CheckHold() {
    const bool held = hold_.holding();
    const absl::Time wall =
        absl::FromUnixSeconds(1'800'000'000) + absl::FromChrono(now_.time_since_epoch());
    switch (hold_.Next(view_, wall, now_)) {
      case HoldStep::kNone:
        break;
      case HoldStep::kBegin:
        Require(!held && view_.announced().has_value(), "only an announcement begins a hold");
        if (input_.Bool()) {
          hold_.Begun();
          numbering_ = view_.numbering();
        } else {
          hold_.NotNow(input_.Bool(), now_);
        }
        break;
      case HoldStep::kAbort:
      case HoldStep::kCommit:
        Require(held && !hold_.holding(), "a hold ends once");
        Require(!view_.leader().name.empty(), "a hold is not ended while nobody leads");
        Require(view_.numbering() == numbering_, "another store ends no hold");
        break;
    }
  }

  FuzzInput& input_;
  ClusterView view_{"/s/"};
  AnnouncedHold hold_{absl::Seconds(5)};
  AnnouncedHold::Time now_{};
  std::string name_;
  std::int64_t term_ = 0;
  std::uint64_t numbering_ = 0;
};

void Run(FuzzInput input) {
  switch (input.Below(4)) {
    case 0:
      return CheckAnswers(input.Rest());
    case 1:
      return CheckValues(input.Rest());
    case 2:
      return CheckCuts(input);
    default: {
      Cluster cluster(input);
      for (int step = 0; step < 100; ++step) cluster.Step();
    }
  }
}

}  // namespace
}  // namespace failover::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  failover::fuzz::Run(failover::fuzz::FuzzInput(data, size));
  return 0;
}
