#include "topology/patroni_keys.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "watch/finding.h"

namespace failover::topology::internal {
namespace {

using Json = nlohmann::json;

absl::StatusOr<Json> ParseObject(absl::string_view value) {
  Json json = Json::parse(value.begin(), value.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return absl::DataLossError("no JSON object");
  return json;
}

// A field of another type counts as absent: Patroni's versions differ in what they tell.
std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

std::int64_t NumberOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return 0;
  return found->get<std::int64_t>();
}

// Python writes "2026-11-30T12:00:00.5+01:00", and its users a blank for the T. A time without a
// zone is refused, as Patroni does.
absl::StatusOr<absl::Time> ParseTime(std::string text) {
  constexpr std::size_t kDate = sizeof "2026-11-30" - 1;
  if (text.size() > kDate && text[kDate] == ' ') text[kDate] = 'T';
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) {
    return absl::DataLossError(
        absl::StrCat("scheduled_at is no time with a zone: ", watch::internal::Printable(text)));
  }
  return time;
}

}  // namespace

std::string PrefixOf(absl::string_view namespace_path, absl::string_view scope) {
  std::vector<absl::string_view> parts;
  for (const absl::string_view path : {namespace_path, scope}) {
    for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
      parts.push_back(part);
    }
  }
  return absl::StrCat("/", absl::StrJoin(parts, "/"), "/");
}

absl::StatusOr<PatroniMember> ParseMember(absl::string_view name, absl::string_view value) {
  const absl::StatusOr<Json> json = ParseObject(value);
  if (!json.ok()) return json.status();
  PatroniMember member;
  member.name = std::string(name);
  member.conn_url = TextOf(*json, "conn_url");
  member.api_url = TextOf(*json, "api_url");
  member.state = TextOf(*json, "state");
  member.role = TextOf(*json, "role");
  member.timeline = NumberOf(*json, "timeline");
  return member;
}

absl::StatusOr<std::optional<PatroniSwitchover>> ParseAnnouncement(absl::string_view value) {
  const absl::StatusOr<Json> json = ParseObject(value);
  if (!json.ok()) return json.status();
  PatroniSwitchover announced;
  announced.leader = TextOf(*json, "leader");
  announced.candidate = TextOf(*json, "member");
  if (announced.leader.empty() && announced.candidate.empty()) {
    return std::optional<PatroniSwitchover>();
  }
  const std::string scheduled_at = TextOf(*json, "scheduled_at");
  if (!scheduled_at.empty()) {
    const absl::StatusOr<absl::Time> time = ParseTime(scheduled_at);
    if (!time.ok()) return time.status();
    announced.scheduled_at = *time;
  }
  return std::optional<PatroniSwitchover>(announced);
}

}  // namespace failover::topology::internal

namespace failover::topology {

absl::StatusOr<MemberAddress> AddressOf(const PatroniMember& member) {
  // "postgres://user@host:port/database", where user, database and options may be absent.
  const std::pair<absl::string_view, absl::string_view> url =
      absl::StrSplit(member.conn_url, absl::MaxSplits("://", 1));
  absl::string_view address = url.second.substr(0, url.second.find_first_of("/?"));
  address = address.substr(address.rfind('@') + 1);
  const std::size_t colon = address.rfind(':');
  if (colon != absl::string_view::npos) {
    absl::string_view host = address.substr(0, colon);
    // Only in brackets may a host have colons.
    const bool in_brackets = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
    if (!in_brackets && absl::StrContains(host, ":")) host = {};
    std::uint32_t port = 0;
    const bool is_port = absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 &&
                         port <= std::numeric_limits<std::uint16_t>::max();
    const bool is_host = !host.empty() && host.find_first_of(" ,[]@") == absl::string_view::npos &&
                         watch::internal::Printable(host) == host;
    if (is_host && is_port)
      return MemberAddress{std::string(host), static_cast<std::uint16_t>(port)};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("conn_url of ", watch::internal::Printable(member.name),
                   " names no server: ", watch::internal::Printable(member.conn_url)));
}

}  // namespace failover::topology
