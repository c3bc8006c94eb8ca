#include "proxy/ctl/patroni.h"

#include <curl/curl.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "proxy/ctl/planned_switchover.h"

namespace failoverctl {
namespace {

// Patroni answers when the new leader is there, and gives up by itself before this is over.
constexpr long kLongestAnswerSeconds = 120;
constexpr long kLongestConnectSeconds = 5;
// Patroni's answers are shorter by far.
constexpr std::size_t kLongestBody = std::size_t{1} << 20;

void Say(const std::string& text) { std::cerr << "failoverctl: " << text << std::endl; }

struct Answer {
  std::string error;  // Empty: there is an answer.
  long status = 0;
  std::string body;
};

std::size_t Append(const char* bytes, std::size_t, std::size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + count > kLongestBody) return 0;
  text.append(bytes, count);
  return count;
}

// The first line of the file: "user:password".
std::string Login(const PatroniOptions& options) {
  std::string line;
  std::getline(std::ifstream(options.login_file), line);
  return line;
}

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// Sends `json` by POST, or nothing by GET if `json` is empty.
Answer Ask(const PatroniOptions& options, const std::string& path, const std::string& json) {
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  const std::unique_ptr<curl_slist, CurlDeleter> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"));
  if (curl == nullptr || headers == nullptr) return {"out of memory", 0, {}};
  const std::string url = options.url + path;
  const std::string login = options.login_file.empty() ? std::string() : Login(options);
  Answer answer;
  CURL* const handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  // The environment of an operator may name a proxy for the way to the internet.
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kLongestConnectSeconds);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT, kLongestAnswerSeconds);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer.body);
  if (!options.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!login.empty()) curl_easy_setopt(handle, CURLOPT_USERPWD, login.c_str());
  if (!json.empty()) {
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, json.c_str());
  }
  const CURLcode code = curl_easy_perform(handle);
  if (code != CURLE_OK) answer.error = url + ": " + curl_easy_strerror(code);
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

// What a person reads of an answer.
std::string Shown(const Answer& answer) {
  std::string text = answer.body.substr(0, 500);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = ' ';
  }
  return std::to_string(answer.status) + " " + text;
}

// The member that leads; empty: nobody does, or the answer is none of Patroni's.
std::string LeaderIn(const std::string& cluster) {
  const nlohmann::json json = nlohmann::json::parse(cluster, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("members") || !json["members"].is_array()) return {};
  for (const nlohmann::json& member : json["members"]) {
    if (!member.is_object() || !member.contains("role") || !member.contains("name")) continue;
    if (member["role"] == "leader" && member["name"].is_string()) return member["name"];
  }
  return {};
}

}  // namespace

int SwitchOverPatroni(const PatroniOptions& options) {
  if (!options.login_file.empty() && Login(options).empty()) {
    Say("--patroni-login-file: cannot read " + options.login_file);
    return kUsage;
  }
  const Answer cluster = Ask(options, "/cluster", "");
  if (!cluster.error.empty()) {
    Say("cannot ask Patroni: " + cluster.error);
    return kUnreachable;
  }
  const std::string leader = LeaderIn(cluster.body);
  if (cluster.status != 200 || leader.empty()) {
    Say("Patroni names no leader: " + Shown(cluster));
    return kCommandFailed;
  }
  nlohmann::json request = {{"leader", leader}};
  if (!options.candidate.empty()) request["candidate"] = options.candidate;
  Say("Patroni is asked to replace " + leader);
  const Answer answer = Ask(options, "/switchover", request.dump());
  if (!answer.error.empty()) {
    Say("nobody knows whether Patroni switches over: " + answer.error);
    return kCommandFailed;
  }
  Say("Patroni says: " + Shown(answer));
  return answer.status == 200 ? kDone : kCommandFailed;
}

}  // namespace failoverctl
