// Turns the bytes of a server's reply into those for the client, as they come.
//
// Rows and column definitions pass through, whole or in parts; only the packets that begin or end
// a result are collected and looked at. The two sides speak slightly different dialects: towards
// the server the proxy always uses kDeprecateEof and kSessionTrack, because only so every reply
// tells how it left the session; towards the client it never does. So the results' column
// definitions and rows get EOF packets at their ends, reports of session changes are taken out, and
// the packets are numbered anew.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_REPLY_STREAM_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_REPLY_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "failover/mysql/errors.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/server_packets.h"

namespace mysql_proxy {

// What the command was decides what its reply looks like.
enum class ReplyKind : std::uint8_t {
  kResults,   // any number of results: an OK, or columns and rows
  kPrepared,  // of kStmtPrepare
  kText,      // one packet of text
};

struct ReplyStart {
  ReplyKind kind = ReplyKind::kResults;
  // The numbers that the first frame has, and gets. More than 1 after a command of several frames.
  std::uint8_t server_sequence = 1;
  std::uint8_t client_sequence = 1;
  // What the client is told for kPrepared.
  std::uint32_t client_statement_id = 0;
};

// What a server says about a statement that it prepared.
struct PreparedReply {
  std::uint32_t id = 0;
  std::uint16_t columns = 0;
  std::uint16_t parameters = 0;
};

class ReplyObserver {
 public:
  virtual ~ReplyObserver() = default;
  // For each OK, those at the end of rows included. `ok` is gone afterwards.
  virtual void OnOk(const OkPacket& ok) = 0;
  // The reply ends with an error, be it all of the reply or behind other results. In the latter
  // case the client gets the one that is returned.
  virtual failover::mysql::MysqlError OnError(const failover::mysql::MysqlError& error) = 0;
  virtual void OnPrepared(const PreparedReply& prepared) = 0;
};

// One reply after the other. Not thread-safe.
class ReplyStream {
 public:
  enum class Progress : std::uint8_t {
    kNeedsMore,
    kDone,
    // The reply is an error and nothing else. Nothing was passed on; see error().
    kRefused,
    // The server asks for a file of the client. Nothing was passed on.
    kWantsLocalFile,
    kMalformed,
  };

  // Begins a reply. The observer must outlive it.
  void Begin(const ReplyStart& start, ReplyObserver& observer);

  // Takes all of `bytes` and appends what the client gets to `out`.
  Progress Feed(std::string_view bytes, std::string& out);

  const failover::mysql::MysqlError& error() const { return error_; }

  // Whether Feed ever appended anything to `out` for this reply.
  bool started() const { return started_; }
  // Whether the client has got whole packets only, so that an error packet may follow.
  bool between_packets() const { return passing_ == 0 && !frame_continues_; }
  // The number that such an error packet has.
  std::uint8_t client_sequence() const { return client_sequence_; }

 private:
  enum class Part : std::uint8_t { kFirst, kParameters, kColumns, kRows };

  // How many bytes of the packet at the front of `bytes` must be there before something can be
  // done with it, as far as can be told.
  std::size_t BytesNeeded(std::string_view bytes) const;
  bool MustBeWhole(std::uint8_t first_byte, std::size_t length) const;

  Progress HandleFrame(std::string_view frame, std::string& out);
  void PassFrame(std::string_view begin, std::size_t length, std::string& out);
  Progress EndPassedFrame(std::string& out);
  Progress HandleWhole(std::string_view payload, std::string& out);
  Progress HandleFirst(std::string_view payload, std::string& out);
  Progress HandlePrepared(std::string_view payload, std::string& out);
  Progress HandleError(std::string_view payload, std::string& out);
  Progress HandleOk(std::string_view payload, std::string& out);
  Progress BeginDefinitions(Part part, std::uint64_t count);
  Progress EndDefinitions(std::string& out);
  void Emit(std::string_view payload, std::string& out);

  ReplyObserver* observer_ = nullptr;
  ReplyStart start_;
  failover::mysql::MysqlError error_;

  Part part_ = Part::kFirst;
  std::uint64_t definitions_left_ = 0;                 // in kParameters and kColumns
  std::uint16_t columns_to_come_ = 0;                  // in kParameters
  std::uint16_t status_ = server_status::kAutocommit;  // of the last OK

  std::string carry_;             // the beginning of a frame that is too short to be handled
  std::size_t passing_ = 0;       // bytes of the frame at hand that are still to pass through
  bool frame_continues_ = false;  // the next frame belongs to the packet of the last
  std::uint8_t server_sequence_ = 1;
  std::uint8_t client_sequence_ = 1;
  bool started_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_REPLY_STREAM_H_
