// The prepared statements of a session. The client knows them by ids that the proxy gives, so that
// they can be prepared again on another connection.
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

// A client of MariaDB names with this id the statement that it has prepared last. So a client can
// send the execution together with the preparation.
inline constexpr std::uint32_t kLastPrepared = 0xffffffff;

// The cursor that the last execution of a statement has opened.
enum class Cursor : std::uint8_t {
  kNone,
  kOpen,
  kLost,  // The cursor was lost with its connection, and the client does not know.
};

struct PreparedStatement {
  std::string sql;
  SqlTraits traits;
  std::string parse_context;  // SessionState::ParseContext at the time of the preparation
  std::uint16_t parameters = 0;

  // The number of the connection on which the statement is prepared (0: none), and the id that the
  // backend gave there.
  std::uint64_t connection = 0;
  std::uint32_t backend_id = 0;
  // The types of the parameters as the client sent them last, and the number of the connection
  // whose backend was told these types.
  std::string types;
  std::uint64_t types_connection = 0;

  // By parameter: the value that the client sent ahead of the next execution. The values stay in
  // the proxy until then, because a backend would lose them in a failover.
  std::map<std::uint16_t, std::string> long_data;
  bool long_data_refused = false;

  Cursor cursor = Cursor::kNone;
};

// Bounded in number and bytes. Not thread-safe.
class PreparedStatements {
 public:
  // `max_bytes` limits the texts and the long data of all statements together.
  explicit PreparedStatements(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Whether there is room for one more statement with this text.
  bool HasRoomFor(std::string_view sql) const;
  // The id of the next statement. The session has never given this id to another statement.
  std::uint32_t NextId() const { return next_id_; }
  // Adds a statement with the id NextId().
  PreparedStatement& Add(std::string sql);

  // From now on kLastPrepared names no statement, because a preparation has begun.
  void ForgetLast() { last_ = 0; }

  // These take kLastPrepared, too. nullptr: there is no such statement. The pointer is valid until
  // the statement is removed.
  PreparedStatement* Find(std::uint32_t id);
  void Remove(std::uint32_t id);
  void Clear();

  // Appends to the value of a parameter. If there are too many bytes or there is no such parameter,
  // all long data of the statement is dropped, and long_data_refused is set.
  void AddLongData(std::uint16_t parameter, std::string_view data, PreparedStatement& statement);
  void DropLongData(PreparedStatement& statement);

  void SetCursor(Cursor cursor, PreparedStatement& statement);
  // Whether any statement has an open cursor.
  bool HasOpenCursor() const { return open_cursors_ > 0; }
  // The connection is lost, and all cursors with it.
  void LoseCursors();

 private:
  std::uint32_t Resolve(std::uint32_t id) const { return id == kLastPrepared ? last_ : id; }
  static std::size_t BytesOf(const PreparedStatement& statement);

  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint32_t next_id_ = 1;
  std::uint32_t last_ = 0;  // what kLastPrepared names; 0: nothing
  std::size_t open_cursors_ = 0;
  std::unordered_map<std::uint32_t, PreparedStatement> statements_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_PREPARED_STATEMENTS_H_
