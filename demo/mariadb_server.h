// A MariadbServer reaches a MariaDB or MySQL server through libmariadb.
#ifndef FAILOVER_DEMO_MARIADB_SERVER_H_
#define FAILOVER_DEMO_MARIADB_SERVER_H_

#include <memory>
#include <string>
#include <utility>

#include "database.h"
#include "pair_cluster.h"

namespace failover_demo {

class MariadbServer final : public Server {
 public:
  // The rows are in the column `row_id` of the table demo.requests. That column is not unique.
  MariadbServer(std::string name, ServerAccess access)
      : name_(std::move(name)), access_(std::move(access)) {}

  const std::string& name() const override { return name_; }
  absl::StatusOr<std::unique_ptr<Connection>> Connect() override;

 private:
  const std::string name_;
  const ServerAccess access_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_MARIADB_SERVER_H_
