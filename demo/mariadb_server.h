// A MariadbServer reaches a MariaDB or MySQL server through libmariadb.
#ifndef FAILOVER_DEMO_MARIADB_SERVER_H_
#define FAILOVER_DEMO_MARIADB_SERVER_H_

#include <memory>
#include <string>

#include "database.h"

namespace failover_demo {

class MariadbServer final : public Server {
 public:
  // The group [client] of the option file names the host, the port, the user and the password. The
  // rows are in the column `row_id` of the table demo.requests. That column is not unique.
  MariadbServer(std::string name, std::string option_file);

  const std::string& name() const override { return name_; }
  absl::StatusOr<std::unique_ptr<Connection>> Connect() override;

 private:
  const std::string name_;
  const std::string option_file_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_MARIADB_SERVER_H_
