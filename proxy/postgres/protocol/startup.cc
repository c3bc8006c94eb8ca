#include "proxy/postgres/protocol/startup.h"

#include <set>

#include "proxy/postgres/protocol/message.h"

namespace postgres_proxy {
namespace {

constexpr std::uint32_t kVersion3 = 3 << 16;
// These numbers look like protocol 1234.
constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::uint32_t kTlsCode = 80877103;
constexpr std::uint32_t kGssapiCode = 80877104;

constexpr std::string_view kProtocolOption = "_pq_.";

std::string Packet(std::uint32_t code, std::string_view body) {
  std::string packet;
  PutU32(static_cast<std::uint32_t>(kStartupHeader + body.size()), packet);
  PutU32(code, packet);
  return packet.append(body);
}

// Pairs of texts up to an empty name, which must be the end of the packet.
bool ReadParameters(std::string_view body, Startup& startup) {
  std::set<std::string_view> names;
  BodyReader reader(body);
  while (true) {
    const std::string_view name = reader.Text();
    if (!reader.ok()) return false;
    if (name.empty()) return reader.Rest().empty();
    const std::string_view value = reader.Text();
    if (!reader.ok()) return false;
    if (name.substr(0, kProtocolOption.size()) == kProtocolOption) {
      startup.protocol_options.emplace_back(name);
    } else {
      startup.parameters.emplace_back(name, value);
      if (!names.insert(name).second) startup.repeated = name;
    }
  }
}

}  // namespace

std::string_view Startup::Find(std::string_view name) const {
  for (const auto& [known, value] : parameters) {
    if (known == name) return value;
  }
  return {};
}

std::size_t StartupLength(std::string_view header) {
  const std::size_t length = U32At(header);
  return length >= kStartupHeader && length <= kLongestStartup ? length : 0;
}

Startup ParseStartup(std::string_view packet) {
  Startup startup;
  if (packet.size() < kStartupHeader || StartupLength(packet) != packet.size()) return startup;
  const std::uint32_t code = U32At(packet.substr(4));
  const std::string_view body = packet.substr(kStartupHeader);
  if (code == kTlsCode && body.empty()) {
    startup.kind = Startup::Kind::kTls;
  } else if (code == kGssapiCode && body.empty()) {
    startup.kind = Startup::Kind::kGssapi;
  } else if (code == kCancelCode && body.size() == 8) {
    startup.kind = Startup::Kind::kCancel;
    startup.cancel = {U32At(body), U32At(body.substr(4))};
  } else if (code >> 16 == kVersion3 >> 16) {
    startup.minor_version = static_cast<std::uint16_t>(code);
    if (ReadParameters(body, startup)) startup.kind = Startup::Kind::kSession;
  } else if (code != kTlsCode && code != kGssapiCode && code != kCancelCode) {
    startup.kind = Startup::Kind::kOldProtocol;
  }
  return startup;
}

std::string BuildStartup(const Parameters& parameters) {
  std::string body;
  for (const auto& [name, value] : parameters) {
    PutText(name, body);
    PutText(value, body);
  }
  body.push_back('\0');
  return Packet(kVersion3, body);
}

std::string BuildTlsRequest() { return Packet(kTlsCode, {}); }

std::string BuildCancel(const CancelKey& key) {
  std::string body;
  PutU32(key.pid, body);
  PutU32(key.secret, body);
  return Packet(kCancelCode, body);
}

void PutNegotiateVersion(const std::vector<std::string>& options, std::string& out) {
  std::string body;
  PutU32(0, body);  // the newest minor version
  PutU32(static_cast<std::uint32_t>(options.size()), body);
  for (const std::string& option : options) PutText(option, body);
  PutMessage(backend::kNegotiateVersion, body, out);
}

std::string OldProtocolError(std::string_view text) {
  std::string out(1, backend::kError);
  PutText(text, out);
  return out;
}

}  // namespace postgres_proxy
