// The HTML page of the status, which shows what /status.json and /events tell.
#ifndef FAILOVER_PROXY_CORE_STATUS_HTML_H_
#define FAILOVER_PROXY_CORE_STATUS_HTML_H_

#include <string_view>

namespace proxy {

// The page loads nothing from elsewhere, and shows all names as text, never as HTML.
std::string_view StatusHtml();
// The value of the header Content-Security-Policy of the page: the browser enforces the above.
inline constexpr std::string_view kStatusPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STATUS_HTML_H_
