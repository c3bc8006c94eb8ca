#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "failover/buffer_options.h"
#include "failover/topology/etcd_options.h"
#include "failover/topology/patroni_feed.h"
#include "watch/finding.h"
#include "watch/validation.h"

namespace failover::topology {
namespace {

using watch::internal::ValidateFile;
using watch::internal::WrongField;

constexpr absl::string_view kPlain = "http://";
constexpr absl::string_view kEncrypted = "https://";

// "http://host:port" or "https://host:port", maybe with a slash at the end.
bool IsEndpoint(absl::string_view url) {
  if (!absl::ConsumePrefix(&url, kPlain) && !absl::ConsumePrefix(&url, kEncrypted)) return false;
  absl::ConsumeSuffix(&url, "/");
  constexpr absl::string_view kForbidden = "/?#@ \\";
  return !url.empty() && url.find_first_of(kForbidden) == absl::string_view::npos &&
         watch::internal::Printable(url) == url;
}

absl::Status ValidateDuration(absl::Duration duration, absl::Duration least, const char* field) {
  constexpr absl::Duration kMost = absl::Hours(1);
  if (duration >= least && duration <= kMost) return absl::OkStatus();
  return WrongField(field, absl::StrCat("must be from ", absl::FormatDuration(least), " to ",
                                        absl::FormatDuration(kMost)));
}

absl::Status ValidateEndpoints(const EtcdOptions& options) {
  if (options.endpoints.empty()) return WrongField("endpoints", "must not be empty");
  for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
    const std::string field = absl::StrCat("endpoints[", i, "]");
    const std::string& endpoint = options.endpoints[i];
    if (!IsEndpoint(endpoint)) {
      return WrongField(field, "must look like https://10.0.0.1:2379");
    }
    if (!options.user.empty() && !options.password_without_tls &&
        absl::StartsWith(endpoint, kPlain)) {
      return WrongField(field, "is not encrypted, so it must not get the password");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateTls(const EtcdTls& tls) {
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return WrongField("tls.certificate_file", "and tls.key_file belong together");
  }
  absl::Status status = ValidateFile(tls.ca_file, "tls.ca_file");
  if (status.ok()) status = ValidateFile(tls.certificate_file, "tls.certificate_file");
  if (status.ok()) status = ValidateFile(tls.key_file, "tls.key_file");
  return status;
}

absl::Status ValidateName(const std::string& name, const std::string& field) {
  if (!name.empty() && name.size() <= kMaxNameLength) return absl::OkStatus();
  return WrongField(field, absl::StrCat("must have 1 to ", kMaxNameLength, " bytes"));
}

absl::Status ValidateShard(const PatroniShard& shard, const std::string& field) {
  if (shard.scope.empty() || absl::StrContains(shard.scope, "/")) {
    return WrongField(field + ".scope", "must be a name without a slash");
  }
  absl::Status status = ValidateName(shard.keyspace, field + ".keyspace");
  if (status.ok()) status = ValidateName(shard.shard, field + ".shard");
  return status;
}

}  // namespace

absl::Status EtcdOptions::Validate() const {
  absl::Status status = ValidateEndpoints(*this);
  if (status.ok()) status = ValidateTls(tls);
  if (status.ok() && user.empty() && !password.empty()) {
    status = WrongField("user", "must not be empty if there is a password");
  }
  if (status.ok()) {
    status = ValidateDuration(poll_interval, absl::Milliseconds(100), "poll_interval");
  }
  if (status.ok()) {
    status = ValidateDuration(request_timeout, absl::Milliseconds(10), "request_timeout");
  }
  return status;
}

absl::Status PatroniFeedOptions::Validate() const {
  const absl::Status of_etcd = etcd.Validate();
  if (!of_etcd.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("etcd.", of_etcd.message()));
  }
  if (shards.empty()) return WrongField("shards", "must not be empty");
  std::set<std::pair<std::string, std::string>> known;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string field = absl::StrCat("shards[", i, "]");
    absl::Status status = ValidateShard(shards[i], field);
    if (!status.ok()) return status;
    if (!known.emplace(shards[i].keyspace, shards[i].shard).second) {
      return WrongField(field, "has the keyspace and the shard of an earlier one");
    }
  }
  return ValidateDuration(longest_hold, absl::Milliseconds(100), "longest_hold");
}

}  // namespace failover::topology
