#include "topology/etcd_messages.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "watch/finding.h"

namespace failover::topology::internal {
namespace {

using Json = nlohmann::json;
using watch::internal::Printable;

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the answer is malformed: ", what));
}

absl::StatusOr<Json> ParseObject(absl::string_view text) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Malformed("no JSON");
  if (!json.is_object()) return Malformed("no JSON object");
  return json;
}

// Proto3 leaves out fields that have their default.
const Json* Find(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// A 64-bit integer is a string, but a small one may be a number. An absent one is 0.
template <typename Integer>
absl::Status ReadInteger(const Json& object, const char* name, Integer* result) {
  *result = 0;
  const Json* const field = Find(object, name);
  if (field == nullptr) return absl::OkStatus();
  std::string text;
  if (field->is_string()) {
    text = field->get_ref<const std::string&>();
  } else if (field->is_number_integer()) {
    text = field->dump();
  }
  const char* const end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, *result);
  if (read.ec != std::errc() || read.ptr != end || *result < 0) {
    *result = 0;
    return Malformed(absl::StrCat(name, " is no integer"));
  }
  return absl::OkStatus();
}

absl::Status ReadText(const Json& object, const char* name, std::string* result) {
  const Json* const field = Find(object, name);
  if (field == nullptr) return absl::OkStatus();
  if (!field->is_string()) return Malformed(absl::StrCat(name, " is no string"));
  *result = field->get_ref<const std::string&>();
  return absl::OkStatus();
}

absl::Status ReadBytes(const Json& object, const char* name, std::string* result) {
  std::string text;
  absl::Status status = ReadText(object, name, &text);
  if (!status.ok()) return status;
  if (!absl::Base64Unescape(text, result)) {
    return Malformed(absl::StrCat(name, " is no base64"));
  }
  return absl::OkStatus();
}

absl::Status ReadFlag(const Json& object, const char* name, bool* result) {
  const Json* const field = Find(object, name);
  if (field == nullptr) return absl::OkStatus();
  if (!field->is_boolean()) return Malformed(absl::StrCat(name, " is no boolean"));
  *result = field->get<bool>();
  return absl::OkStatus();
}

absl::Status ReadHeader(const Json& object, EtcdHeader* header) {
  const Json* const field = Find(object, "header");
  if (field == nullptr || !field->is_object()) return Malformed("no header");
  absl::Status status = ReadInteger(*field, "cluster_id", &header->cluster_id);
  if (status.ok()) status = ReadInteger(*field, "revision", &header->revision);
  // Numbers near the limit would overflow when the terms of before are added.
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
  if (status.ok() && header->revision > kMost) status = Malformed("revision is too large");
  return status;
}

absl::Status ReadKey(const Json& object, const EtcdHeader& header, EtcdKey* key) {
  if (!object.is_object()) return Malformed("a key is no object");
  absl::Status status = ReadBytes(object, "key", &key->key);
  if (status.ok()) status = ReadBytes(object, "value", &key->value);
  if (status.ok()) status = ReadInteger(object, "create_revision", &key->create_revision);
  if (status.ok()) status = ReadInteger(object, "mod_revision", &key->mod_revision);
  if (status.ok() && (key->mod_revision > header.revision || key->mod_revision <= 0)) {
    status = Malformed("mod_revision does not fit to the header");
  }
  return status;
}

absl::Status ReadEvent(const Json& object, const EtcdHeader& header, WatchEvent* event) {
  if (!object.is_object()) return Malformed("an event is no object");
  std::string type;
  absl::Status status = ReadText(object, "type", &type);
  if (!status.ok()) return status;
  if (!type.empty() && type != "PUT" && type != "DELETE") return Malformed("an unknown event");
  event->deleted = type == "DELETE";
  const Json* const key = Find(object, "kv");
  if (key == nullptr) return Malformed("an event without a key");
  return ReadKey(*key, header, &event->key);
}

// Calls `read(element, header, target)` for each element of an array, which may be absent.
template <typename Element, typename Read>
absl::Status ReadArray(const Json& object, const char* name, const EtcdHeader& header,
                       std::vector<Element>* elements, const Read& read) {
  const Json* const field = Find(object, name);
  if (field == nullptr) return absl::OkStatus();
  if (!field->is_array()) return Malformed(absl::StrCat(name, " is no array"));
  for (const Json& element : *field) {
    elements->emplace_back();
    absl::Status status = read(element, header, &elements->back());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The first key behind all keys that begin with the prefix. A prefix of 0xff bytes has none; etcd
// takes a zero byte for "no end".
std::string EndOfPrefix(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    if (static_cast<unsigned char>(end.back()) != 0xff) {
      end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
      return end;
    }
    end.pop_back();
  }
  return std::string(1, '\0');
}

std::string Dump(const Json& json) {
  // A name that is no UTF-8 is refused by etcd, and must not throw here.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json KeysOf(absl::string_view prefix) {
  Json keys;
  keys["key"] = absl::Base64Escape(prefix);
  keys["range_end"] = absl::Base64Escape(EndOfPrefix(prefix));
  return keys;
}

// The text of an error, which etcd puts into one of two fields.
std::string TextOfError(const Json& object) {
  for (const char* const name : {"message", "error"}) {
    const Json* const field = Find(object, name);
    if (field != nullptr && field->is_string()) {
      return Printable(field->get_ref<const std::string&>());
    }
  }
  return "an error without a text";
}

}  // namespace

std::string RangeRequest(absl::string_view prefix) { return Dump(KeysOf(prefix)); }

std::string WatchRequest(absl::string_view prefix, std::int64_t start_revision) {
  Json create = KeysOf(prefix);
  create["start_revision"] = absl::StrCat(start_revision);
  create["progress_notify"] = true;
  Json request;
  request["create_request"] = std::move(create);
  return Dump(request);
}

std::string AuthenticateRequest(absl::string_view user, absl::string_view password) {
  Json request;
  request["name"] = std::string(user);
  request["password"] = std::string(password);
  return Dump(request);
}

absl::StatusOr<RangeReply> ParseRangeReply(absl::string_view body) {
  absl::StatusOr<Json> json = ParseObject(body);
  if (!json.ok()) return json.status();
  RangeReply reply;
  absl::Status status = ReadHeader(*json, &reply.header);
  bool more = false;
  if (status.ok()) status = ReadFlag(*json, "more", &more);
  if (status.ok() && more) status = Malformed("the keys are not complete");
  if (status.ok()) status = ReadArray(*json, "kvs", reply.header, &reply.keys, ReadKey);
  if (!status.ok()) return status;
  return reply;
}

absl::StatusOr<WatchReply> ParseWatchLine(absl::string_view line) {
  absl::StatusOr<Json> json = ParseObject(line);
  if (!json.ok()) return json.status();
  if (const Json* const error = Find(*json, "error"); error != nullptr) {
    return absl::UnavailableError(
        absl::StrCat("the watch ended: ", TextOfError(error->is_object() ? *error : *json)));
  }
  const Json* const result = Find(*json, "result");
  if (result == nullptr || !result->is_object()) return Malformed("no result");
  WatchReply reply;
  absl::Status status = ReadHeader(*result, &reply.header);
  if (status.ok()) status = ReadFlag(*result, "created", &reply.created);
  if (status.ok()) status = ReadFlag(*result, "canceled", &reply.canceled);
  if (status.ok()) status = ReadInteger(*result, "compact_revision", &reply.compact_revision);
  if (status.ok()) status = ReadText(*result, "cancel_reason", &reply.cancel_reason);
  if (status.ok()) status = ReadArray(*result, "events", reply.header, &reply.events, ReadEvent);
  if (!status.ok()) return status;
  return reply;
}

absl::StatusOr<std::string> ParseAuthenticateReply(absl::string_view body) {
  absl::StatusOr<Json> json = ParseObject(body);
  if (!json.ok()) return json.status();
  std::string token;
  absl::Status status = ReadText(*json, "token", &token);
  if (!status.ok()) return status;
  // The token becomes a part of a header.
  const bool printable = std::all_of(token.begin(), token.end(), [](char letter) {
    return absl::ascii_isprint(static_cast<unsigned char>(letter));
  });
  if (token.empty() || !printable) return Malformed("no token");
  return token;
}

absl::Status ErrorOfReply(long http_code, absl::string_view body) {
  const absl::StatusOr<Json> json = ParseObject(body);
  return absl::UnavailableError(absl::StrCat("HTTP status ", http_code, ": ",
                                             json.ok() ? TextOfError(*json) : Printable(body)));
}

}  // namespace failover::topology::internal
