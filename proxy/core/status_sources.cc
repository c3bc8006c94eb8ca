#include "proxy/core/status_sources.h"

#include <cstddef>
#include <utility>

namespace proxy {

using failover::watch::ServerView;

std::optional<std::uint64_t> MostAtOnce(const StatusSources& sources) {
  const int most = sources.listener.most_connections();
  if (most == 0) return std::nullopt;
  return static_cast<std::uint64_t>(most);
}

std::vector<ServerView> BackendViews(const StatusSources& sources) {
  const std::vector<Address>& backends = sources.context.router.backends();
  std::vector<ServerView> views(backends.size());
  if (sources.backends) {
    for (ServerView& view : sources.backends()) {
      // The numbers of backends begin at 1. That of an unknown backend 0 becomes too large.
      const std::size_t index = std::size_t{view.alias.uid} - 1;
      if (index < views.size()) views[index] = std::move(view);
    }
  }
  for (std::size_t i = 0; i < views.size(); ++i) {
    // A monitor may have looked the address up under another name.
    views[i].address = backends[i].ToString();
  }
  return views;
}

}  // namespace proxy
