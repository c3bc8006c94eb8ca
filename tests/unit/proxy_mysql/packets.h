// Builds packets for the tests byte by byte, without the code under test.
#ifndef FAILOVER_TESTS_UNIT_PROXY_MYSQL_PACKETS_H_
#define FAILOVER_TESTS_UNIT_PROXY_MYSQL_PACKETS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "proxy/mysql/protocol/codec.h"

namespace mysql_proxy {

inline std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

// One packet as bytes on the wire.
inline std::string Framed(int sequence, std::string_view payload) {
  std::string out;
  auto number = static_cast<std::uint8_t>(sequence);
  PutPacket(payload, number, out);
  return out;
}

// An OK packet of a server with kSessionTrack. `changes` is the list of reports.
inline std::string ServerOk(int header, int status, std::string_view changes = {}) {
  std::string out = Bytes({header, 0, 0, status & 0xff, status >> 8, 0, 0});
  if (!changes.empty()) {
    PutLengthEncodedString("", out);
    PutLengthEncodedString(changes, out);
  }
  return out;
}

// Each of these functions builds one report of session tracking.
inline std::string Report(int type, std::string_view data) {
  std::string out = Bytes({type});
  PutLengthEncodedString(data, out);
  return out;
}

inline std::string VariableReport(std::string_view name, std::string_view value) {
  std::string data;
  PutLengthEncodedString(name, data);
  PutLengthEncodedString(value, data);
  return Report(0, data);
}

inline std::string TextReport(int type, std::string_view text) {
  std::string data;
  PutLengthEncodedString(text, data);
  return Report(type, data);
}

inline std::string SchemaReport(std::string_view schema) { return TextReport(1, schema); }
inline std::string StateReport() { return Report(2, "1"); }
inline std::string CharacteristicsReport(std::string_view text) { return TextReport(4, text); }
inline std::string TransactionReport(std::string_view letters) { return TextReport(5, letters); }

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_UNIT_PROXY_MYSQL_PACKETS_H_
