#include "proxy/core/http_message.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace proxy {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

bool IsTokenCharacter(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         kOthers.find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

// Takes the first line off `rest`. nullopt: there is none that ends with CR and LF, or it contains
// another CR or LF, which some readers would take for the end of the line.
std::optional<std::string_view> TakeLine(std::string_view& rest) {
  const std::size_t end = rest.find(kLineEnd);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + kLineEnd.size());
  if (line.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  return line;
}

// The path of a target in origin form or absolute form. Empty: there is none.
std::string_view PathOf(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (absl::StartsWithIgnoreCase(Piece(target), Piece(kScheme))) {
    target.remove_prefix(kScheme.size());
    const std::size_t slash = target.find('/');
    if (slash == 0 || slash == std::string_view::npos) return {};
    target.remove_prefix(slash);
  }
  if (target.empty() || target[0] != '/') return {};
  return target.substr(0, target.find('?'));
}

// Fills everything but the status from the first line, and returns the status.
int ReadRequestLine(std::string_view line, HttpRequest& request) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7F; };
  if (!IsToken(method) || !std::all_of(target.begin(), target.end(), is_visible)) return 400;
  request.path = std::string(PathOf(target));
  const bool is_version = version.size() == 8 && version.substr(0, 5) == "HTTP/" &&
                          absl::ascii_isdigit(static_cast<unsigned char>(version[5])) &&
                          version[6] == '.' &&
                          absl::ascii_isdigit(static_cast<unsigned char>(version[7]));
  if (!is_version) return 400;
  if (version[5] != '1') return 505;
  request.wants_no_body = method == "HEAD";
  if (method != "GET" && method != "HEAD") return 405;
  return request.path.empty() ? 400 : 200;
}

// False: the line is no header field. Counts the fields that are called Host.
bool ReadField(std::string_view line, int& hosts) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return false;
  const auto is_control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  };
  if (std::any_of(line.begin(), line.end(), is_control)) return false;
  if (absl::EqualsIgnoreCase(Piece(line.substr(0, colon)), "host")) ++hosts;
  return true;
}

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace

HttpRequest ParseHttpHead(std::string_view head) {
  HttpRequest request;
  std::string_view rest = head;
  const std::optional<std::string_view> first = TakeLine(rest);
  request.status = first.has_value() ? ReadRequestLine(*first, request) : 400;
  int hosts = 0;
  while (request.status != 400) {
    const std::optional<std::string_view> line = TakeLine(rest);
    if (line.has_value() && line->empty()) break;
    if (!line.has_value() || !ReadField(*line, hosts)) request.status = 400;
  }
  // HTTP/1.0 knows no Host.
  const bool is_1_0 = first.has_value() && absl::EndsWith(Piece(*first), "HTTP/1.0");
  if (hosts > 1 || (hosts == 0 && !is_1_0 && request.status == 200)) request.status = 400;
  return request;
}

HttpPage PageOf(int status) {
  HttpPage page;
  page.status = status;
  page.body = absl::StrCat(status, " ", Piece(ReasonOf(status)), "\n");
  return page;
}

std::string HttpResponse(const HttpPage& page, bool without_body) {
  std::string response = absl::StrCat("HTTP/1.1 ", page.status, " ", Piece(ReasonOf(page.status)),
                                      "\r\nContent-Type: ", page.content_type, "\r\n");
  if (!page.next_part) {
    absl::StrAppend(&response, "Content-Length: ", page.body.size(), "\r\n");
  }
  if (page.status == 405) response += "Allow: GET, HEAD\r\n";
  if (!page.policy.empty()) {
    absl::StrAppend(&response, "Content-Security-Policy: ", page.policy, "\r\n");
  }
  response +=
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  if (!without_body) response += page.body;
  return response;
}

}  // namespace proxy
