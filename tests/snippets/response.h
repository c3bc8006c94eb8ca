// A router that answers HTTP.
#ifndef FAILOVER_TESTS_SNIPPETS_RESPONSE_H_
#define FAILOVER_TESTS_SNIPPETS_RESPONSE_H_

#include <string_view>

#include "names.h"

struct Response {
  void set_content_type(std::string_view type);
  void set_body(std::string body);
};
extern Response response;

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_RESPONSE_H_
