// Messages of PostgreSQL's protocol 3: how they are built, read and cut out of a stream of bytes.
//
// A message is a type (one byte), a length (four bytes, which counts itself), and a body.
#ifndef FAILOVER_PROXY_POSTGRES_PROTOCOL_MESSAGE_H_
#define FAILOVER_PROXY_POSTGRES_PROTOCOL_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postgres_proxy {

// The types of messages that a client sends.
namespace frontend {
inline constexpr char kBind = 'B';
inline constexpr char kClose = 'C';
inline constexpr char kCopyData = 'd';
inline constexpr char kCopyDone = 'c';
inline constexpr char kCopyFail = 'f';
inline constexpr char kDescribe = 'D';
inline constexpr char kExecute = 'E';
inline constexpr char kFlush = 'H';
inline constexpr char kFunctionCall = 'F';
inline constexpr char kParse = 'P';
inline constexpr char kPassword = 'p';  // and the answers of SASL
inline constexpr char kQuery = 'Q';
inline constexpr char kSync = 'S';
inline constexpr char kTerminate = 'X';
}  // namespace frontend

// The types of messages that a server sends.
namespace backend {
inline constexpr char kAuthentication = 'R';
inline constexpr char kBackendKeyData = 'K';
inline constexpr char kBindComplete = '2';
inline constexpr char kCloseComplete = '3';
inline constexpr char kCommandComplete = 'C';
inline constexpr char kCopyBoth = 'W';
inline constexpr char kCopyData = 'd';
inline constexpr char kCopyDone = 'c';
inline constexpr char kCopyIn = 'G';
inline constexpr char kCopyOut = 'H';
inline constexpr char kDataRow = 'D';
inline constexpr char kEmptyQuery = 'I';
inline constexpr char kError = 'E';
inline constexpr char kFunctionCallResponse = 'V';
inline constexpr char kNegotiateVersion = 'v';
inline constexpr char kNoData = 'n';
inline constexpr char kNotice = 'N';
inline constexpr char kNotification = 'A';
inline constexpr char kParameterDescription = 't';
inline constexpr char kParameterStatus = 'S';
inline constexpr char kParseComplete = '1';
inline constexpr char kPortalSuspended = 's';
inline constexpr char kReadyForQuery = 'Z';
inline constexpr char kRowDescription = 'T';
}  // namespace backend

// The type and the length.
inline constexpr std::size_t kHeaderSize = 5;

void PutU16(std::uint16_t value, std::string& out);
void PutU32(std::uint32_t value, std::string& out);
// The text and the zero byte that ends it.
void PutText(std::string_view text, std::string& out);
void PutMessage(char type, std::string_view body, std::string& out);
// ReadyForQuery. `status` is I, T or E.
void PutReady(char status, std::string& out);

// The number in the first four bytes of `bytes`, which must have so many.
std::uint32_t U32At(std::string_view bytes);

// Reads a body from its beginning. After a read behind the end, ok() is false, and all reads give
// nothing.
class BodyReader {
 public:
  explicit BodyReader(std::string_view body) : rest_(body) {}

  bool ok() const { return ok_; }
  std::uint8_t U8();
  std::uint16_t U16();
  std::uint32_t U32();
  // The text in front of the next zero byte.
  std::string_view Text();
  std::string_view Rest() const { return rest_; }

 private:
  std::string_view Take(std::size_t count);

  std::string_view rest_;
  bool ok_ = true;
};

// Cuts a stream of bytes into messages. A message may come in pieces of any length, and nothing but
// the five bytes of its header is kept here.
class MessageCutter {
 public:
  enum class State : std::uint8_t {
    kNeedsMore,  // all of the input was taken, and the message is not over
    kComplete,   // the message is over; what is left of the input belongs to the next message
    kMalformed,  // the length cannot be right
  };

  // Moves bytes of at most one message from the front of `input` to the end of `out`.
  State Feed(std::string_view& input, std::string& out);

  // Whether a message has begun and is not over.
  bool inside() const { return header_size_ > 0; }
  // Whether type() and body_size() are known: of the message at hand, or of the one that ended
  // last.
  bool has_header() const { return has_header_; }
  char type() const { return header_[0]; }
  std::size_t body_size() const { return body_size_; }

 private:
  char header_[kHeaderSize] = {};
  std::size_t header_size_ = 0;  // how many bytes of the header are there
  std::size_t body_size_ = 0;
  std::size_t missing_ = 0;  // how many bytes of the body are still to come
  bool has_header_ = false;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_PROTOCOL_MESSAGE_H_
