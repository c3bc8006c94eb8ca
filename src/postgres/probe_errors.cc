#include "postgres/probe_errors.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "outcome/local_trouble.h"

namespace failover::postgres::internal {
namespace {

using watch::Seen;

absl::string_view FirstLine(absl::string_view text) { return text.substr(0, text.find('\n')); }

bool IsCode(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char letter) {
    return absl::ascii_isdigit(static_cast<unsigned char>(letter)) ||
           absl::ascii_isupper(static_cast<unsigned char>(letter));
  });
}

Seen SeenFromSqlState(absl::string_view sqlstate) {
  // The server starts, recovers or shuts down (57P03), was told to end (57P01) or lost a process
  // (57P02). The server counts as unreachable and not as refusing, because a server that refuses is
  // checked less often, and nobody can use this one.
  constexpr std::array<absl::string_view, 3> kNotThere = {"57P01", "57P02", "57P03"};
  if (std::find(kNotThere.begin(), kNotThere.end(), sqlstate) != kNotThere.end()) {
    return Seen::kUnreachable;
  }
  constexpr absl::string_view kTooManyConnections = "53300";
  return sqlstate == kTooManyConnections ? Seen::kFull : Seen::kRefused;
}

bool NamesLocalTrouble(absl::string_view text) {
  return failover::internal::NamesLocalTrouble({text.data(), text.size()});
}

// Whether the text names a file of the options. libpq then cannot use the file.
bool NamesOwnFile(absl::string_view text, const ServerTls& tls) {
  const auto names = [text](const std::string& file) {
    return !file.empty() && absl::StrContains(text, file);
  };
  return names(tls.ca_file) || names(tls.certificate_file) || names(tls.key_file);
}

// Whether libpq complains that the bytes are not those of a PostgreSQL server.
bool IsNonsense(absl::string_view text) {
  constexpr std::array<absl::string_view, 6> kWords = {
      "unexpected response", "unexpected message",   "expected authentication request",
      "received invalid",    "lost synchronization", "received unencrypted data"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [text](absl::string_view words) { return absl::StrContains(text, words); });
}

// libpq itself gave up, and no message of the server says why.
Finding FindingFromClient(const ProbeError& error, const MonitoredServer& server) {
  const absl::string_view line = FirstLine(error.text);
  const std::string problem = Printable(line);
  if (NamesOwnFile(error.text, server.tls)) return OwnTrouble(problem);
  if (error.stage == Stage::kConnecting) {
    return NamesLocalTrouble(line) ? OwnTrouble(problem) : Finding{Seen::kUnreachable, problem};
  }
  const bool connection_failed = error.server_gone || IsNonsense(line);
  if (connection_failed || error.stage == Stage::kQuestion) return {Seen::kUnreachable, problem};
  return {Seen::kRefused, problem};
}

}  // namespace

absl::string_view SqlStateIn(absl::string_view text) {
  // libpq writes "FATAL:  28P01: text". The word before may be translated.
  constexpr absl::string_view kBefore = ":  ";
  constexpr std::size_t kSize = 5;
  const absl::string_view line = FirstLine(text);
  const std::size_t before = line.find(kBefore);
  if (before == absl::string_view::npos) return {};
  const absl::string_view rest = line.substr(before + kBefore.size());
  if (rest.size() <= kSize || rest[kSize] != ':') return {};
  const absl::string_view code = rest.substr(0, kSize);
  return IsCode(code) ? code : absl::string_view();
}

Finding FindingFromError(const ProbeError& error, const MonitoredServer& server) {
  const absl::string_view sqlstate = SqlStateIn(error.text);
  if (sqlstate.empty()) return FindingFromClient(error, server);
  return {SeenFromSqlState(sqlstate), Printable(FirstLine(error.text))};
}

}  // namespace failover::postgres::internal
