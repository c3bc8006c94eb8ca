// A handle of libmariadb with the options that a probe needs.
#ifndef FAILOVER_SRC_MYSQL_CLIENT_HANDLE_H_
#define FAILOVER_SRC_MYSQL_CLIENT_HANDLE_H_

#include <mysql.h>

#include <memory>

#include "failover/mysql/monitored_server.h"

namespace failover::mysql::internal {

struct CloseHandle {
  void operator()(MYSQL* handle) const {
    // mysql_close of libmariadb 3.3 forgets the name of this file.
    mysql_options(handle, MYSQL_SERVER_PUBLIC_KEY, nullptr);
    mysql_close(handle);
  }
};

using ClientHandle = std::unique_ptr<MYSQL, CloseHandle>;

// A handle that is not connected yet, for the non-blocking functions; nullptr if there is no
// memory. The options let libmariadb use only the authentication plugins that MonitoredServer
// allows.
ClientHandle NewClientHandle(const MonitoredServer& server);

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_CLIENT_HANDLE_H_
