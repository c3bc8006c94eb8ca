// A router with coroutines of standalone Asio. Only declared: nothing runs a snippet.
#ifndef FAILOVER_TESTS_SNIPPETS_ASIO_H_
#define FAILOVER_TESTS_SNIPPETS_ASIO_H_

#include <asio/awaitable.hpp>
#include <asio/use_awaitable.hpp>

#include "failover/asio.h"
#include "names.h"

struct Query {};
extern const Query query;
asio::awaitable<absl::Status> Execute(const Query& query);

using SnippetResult = asio::awaitable<absl::Status>;

#endif  // FAILOVER_TESTS_SNIPPETS_ASIO_H_
