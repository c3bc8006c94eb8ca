// The script of the HTML page of the status.
#ifndef FAILOVER_PROXY_CORE_STATUS_SCRIPT_H_
#define FAILOVER_PROXY_CORE_STATUS_SCRIPT_H_

#include <string_view>

namespace proxy {

// JavaScript that fills the elements of the page (status_html.cc) from /events. Names and reasons
// become text, never HTML. The text lives as long as the program.
std::string_view StatusScript();

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STATUS_SCRIPT_H_
