// A MariaDB (or MySQL) server, through libmariadb.
#ifndef FAILOVER_DEMO_MARIADB_SERVER_H_
#define FAILOVER_DEMO_MARIADB_SERVER_H_

#include <memory>
#include <string>

#include "database.h"

namespace failover_demo {

class MariadbServer final : public Server {
 public:
  // The option file tells host, port, user and password, in its group [client]. The rows are in
  // table demo.requests, column `row_id`, not unique.
  MariadbServer(std::string name, std::string option_file);

  const std::string& name() const override { return name_; }
  absl::StatusOr<std::unique_ptr<Connection>> Connect() override;

 private:
  const std::string name_;
  const std::string option_file_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_MARIADB_SERVER_H_
