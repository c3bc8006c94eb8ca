// Turns the bytes of a backend's reply into bytes for the client, as the bytes arrive.
//
// Rows and column definitions pass through, whole or in parts. Only the packets that begin or end a
// result are collected and parsed. The two sides may speak different dialects. Towards the backend
// the proxy always uses kDeprecateEof and kSessionTrack, because only then every reply tells how
// the statement left the session. For a client that uses them not, the stream adds EOF packets
// behind column definitions and rows, and takes reports of session changes out. In any case it
// numbers the packets anew.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_REPLY_STREAM_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_REPLY_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "failover/mysql/errors.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/server_packets.h"

namespace mysql_proxy {

// The form of a reply. The command decides which form its reply has.
enum class ReplyKind : std::uint8_t {
  kResults,   // Any number of results: each is an OK, or columns and rows.
  kPrepared,  // The reply to kStmtPrepare.
  kText,      // One packet of text.
  kRows,      // Rows or definitions up to their end, or the end alone.
};

struct ReplyStart {
  ReplyKind kind = ReplyKind::kResults;
  // The sequence number of the first frame, as the backend sends the frame and as the client gets
  // the frame. After a command of several frames the number is more than 1.
  std::uint8_t server_sequence = 1;
  std::uint8_t client_sequence = 1;
  // The client gets this id in a reply of kPrepared.
  std::uint32_t client_statement_id = 0;
  // The capabilities that the client has.
  std::uint32_t client_capabilities = 0;
  // The reply is to a kStmtExecute. Some clients go by the EOF behind the column definitions then.
  bool to_execute = false;
  // The statement is a CALL, so that another result follows each result with rows.
  bool to_call = false;
};

// What a backend says about a statement that the backend has prepared.
struct PreparedReply {
  std::uint32_t id = 0;
  std::uint16_t columns = 0;
  std::uint16_t parameters = 0;
};

// Is told what a ReplyStream reads, within the call of Feed.
class ReplyObserver {
 public:
  virtual ~ReplyObserver() = default;
  // An OK came, be it a result or the end of rows. `ok` must not be used after the call.
  virtual void OnOk(const OkPacket& ok) = 0;
  // The reply ends with an error, which is all of the reply or stands behind other results. If the
  // error stands behind other results, the client gets the returned error.
  virtual failover::mysql::MysqlError OnError(const failover::mysql::MysqlError& error) = 0;
  virtual void OnPrepared(const PreparedReply& prepared) = 0;
};

// Reads one reply after the other. Not thread-safe.
class ReplyStream {
 public:
  enum class Progress : std::uint8_t {
    kNeedsMore,
    kDone,
    // The reply is an error and nothing else. The client gets nothing of the reply. See error().
    kRefused,
    // The backend asks for a file of the client. The client gets nothing of the reply.
    kWantsLocalFile,
    kMalformed,
  };

  // Begins a reply. The observer must live until the reply has ended.
  void Begin(const ReplyStart& start, ReplyObserver& observer);

  // Takes all of `bytes`, and appends the bytes for the client to `out`.
  Progress Feed(std::string_view bytes, std::string& out);

  // Appends what Feed has kept back. Call this function if no more bytes will come, before an error
  // packet.
  void Release(std::string& out);

  // The last error that a backend sent.
  const failover::mysql::MysqlError& error() const { return error_; }

  // Whether Feed has appended anything to `out` for this reply.
  bool started() const { return started_; }
  // Whether the client has got whole packets only, so that an error packet may follow.
  bool between_packets() const { return IsHolding() || (passing_ == 0 && !frame_continues_); }
  // The sequence number of the next frame for the client.
  std::uint8_t client_sequence() const { return client_sequence_; }

 private:
  enum class Part : std::uint8_t { kFirst, kParameters, kColumns, kRows };

  // How many bytes the frame at the front of `bytes` must have before HandleFrame can handle the
  // frame. With more bytes the answer may grow.
  std::size_t BytesNeeded(std::string_view bytes) const;
  bool MustBeWhole(std::uint8_t first_byte, std::size_t length) const;

  Progress HandleFrame(std::string_view frame, std::string& out);
  bool Deprecates() const { return (start_.client_capabilities & capability::kDeprecateEof) != 0; }

  // In the reply to a kStmtExecute the EOF behind the columns is kept back until the packets behind
  // the EOF tell what the EOF must say: whether a cursor is open, whether another result follows,
  // and whether the row has the output parameters of a procedure.
  bool IsHolding() const { return held_sequence_.has_value(); }
  // A row begins.
  void BeginRow(std::string& out);
  void Release(std::uint16_t status, std::uint16_t warnings, std::string& out);

  void PassFrame(std::string_view begin, std::size_t length, std::string& out);
  Progress EndPassedFrame(std::string& out);
  Progress HandleWhole(std::string_view payload, std::string& out);
  Progress HandleFirst(std::string_view payload, std::string& out);
  Progress HandlePrepared(std::string_view payload, std::string& out);
  Progress HandleError(std::string_view payload, std::string& out);
  Progress HandleOk(std::string_view payload, std::string& out);
  Progress BeginDefinitions(Part part, std::uint64_t count);
  Progress EndDefinitions(std::string& out);
  void EmitOk(std::string_view payload, OkPacket ok, std::string& out);
  void Emit(std::string_view payload, std::string& out);

  ReplyObserver* observer_ = nullptr;
  ReplyStart start_;
  failover::mysql::MysqlError error_;

  Part part_ = Part::kFirst;
  std::uint64_t definitions_left_ = 0;                 // While part_ is kParameters or kColumns.
  std::uint16_t columns_to_come_ = 0;                  // While part_ is kParameters.
  std::uint16_t prepare_warnings_ = 0;                 // For the reply kPrepared.
  std::uint16_t status_ = server_status::kAutocommit;  // The status in the last OK.

  // The sequence number of the EOF behind the columns, while the EOF is kept back; and the bytes
  // behind this EOF, at most one row.
  std::optional<std::uint8_t> held_sequence_;
  std::string held_;
  bool has_rows_ = false;  // The result at hand has rows.

  std::string carry_;             // The beginning of a frame, shorter than BytesNeeded.
  std::size_t passing_ = 0;       // Bytes of the frame at hand that are still to pass.
  bool frame_continues_ = false;  // The next frame belongs to the packet of the last frame.
  std::uint8_t server_sequence_ = 1;
  std::uint8_t client_sequence_ = 1;
  bool started_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_REPLY_STREAM_H_
