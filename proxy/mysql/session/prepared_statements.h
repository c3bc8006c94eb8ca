// The prepared statements of a session. The client knows them by ids of the proxy's, so that they
// can be prepared again on another connection.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_PREPARED_STATEMENTS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_PREPARED_STATEMENTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/mysql/protocol/reply_stream.h"
#include "proxy/mysql/protocol/sql_scan.h"

namespace mysql_proxy {

struct PreparedStatement {
  std::string sql;
  SqlTraits traits;
  std::string parse_context;  // SessionState::ParseContext when it was prepared
  std::uint16_t parameters = 0;

  // The connection that has it prepared (0: none), and its id there.
  std::uint64_t connection = 0;
  std::uint32_t server_id = 0;
  // Types of the parameters as the client sent them last, and the connection that was told them.
  std::string types;
  std::uint64_t types_connection = 0;

  // Values that came ahead of the next execution, by parameter. They wait here until then: a
  // server would lose them in a failover.
  std::map<std::uint16_t, std::string> long_data;
  bool long_data_refused = false;
};

// Bounded in number and bytes. Not thread-safe.
class PreparedStatements {
 public:
  explicit PreparedStatements(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Whether there is room for one more of this length.
  bool HasRoomFor(std::string_view sql) const;
  // Never given out before in this session.
  std::uint32_t NextId() const { return next_id_; }
  // Takes NextId.
  PreparedStatement& Add(std::string sql);

  // nullptr: there is none. Valid until it is removed.
  PreparedStatement* Find(std::uint32_t id);
  void Remove(std::uint32_t id);
  void Clear();

  // Appends to the value of a parameter. What is too much, or for no parameter, is dropped together
  // with all the rest, and long_data_refused is set.
  void AddLongData(std::uint16_t parameter, std::string_view data, PreparedStatement& statement);
  void DropLongData(PreparedStatement& statement);

 private:
  static std::size_t BytesOf(const PreparedStatement& statement);

  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint32_t next_id_ = 1;
  std::unordered_map<std::uint32_t, PreparedStatement> statements_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_PREPARED_STATEMENTS_H_
