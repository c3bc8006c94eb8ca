#include "proxy/mysql/protocol/reply_stream.h"

#include <algorithm>
#include <utility>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/session_track.h"

namespace mysql_proxy {
namespace {

// The limit is in bytes: every OK packet and every error packet is shorter.
constexpr std::size_t kMaxWholePacket = std::size_t{4} << 20;

// The limit is in bytes. A row of output parameters that is longer is not marked as such.
constexpr std::size_t kMaxHeldRow = std::size_t{256} << 10;

std::size_t FrameLength(std::string_view header) {
  return PacketReader(header).U32() & kMaxFrameLength;
}

}  // namespace

void ReplyStream::Begin(const ReplyStart& start, ReplyObserver& observer) {
  observer_ = &observer;
  start_ = start;
  part_ = start.kind == ReplyKind::kRows ? Part::kRows : Part::kFirst;
  held_sequence_.reset();
  held_.clear();
  carry_.clear();
  passing_ = 0;
  frame_continues_ = false;
  server_sequence_ = start.server_sequence;
  client_sequence_ = start.client_sequence;
  started_ = false;
}

ReplyStream::Progress ReplyStream::Feed(std::string_view bytes, std::string& out) {
  Progress progress = Progress::kNeedsMore;
  while (!bytes.empty() && progress == Progress::kNeedsMore) {
    if (passing_ > 0) {
      const std::size_t count = std::min(passing_, bytes.size());
      (IsHolding() ? held_ : out).append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      passing_ -= count;
      if (held_.size() > kMaxHeldRow) Release(out);
      if (passing_ == 0) progress = EndPassedFrame(out);
      continue;
    }
    if (carry_.empty()) {
      const std::size_t needed = BytesNeeded(bytes);
      if (needed <= bytes.size()) {
        const std::string_view frame = bytes.substr(0, needed);
        bytes.remove_prefix(needed);
        progress = HandleFrame(frame, out);
        continue;
      }
    }
    const std::size_t wanted = BytesNeeded(carry_) - carry_.size();
    const std::size_t count = std::min(wanted, bytes.size());
    carry_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    const std::size_t needed = BytesNeeded(carry_);
    if (needed - kFrameHeaderLength > kMaxWholePacket) return Progress::kMalformed;
    if (carry_.size() == needed) {
      progress = HandleFrame(carry_, out);
      carry_.clear();
    }
  }
  if (progress != Progress::kNeedsMore && !bytes.empty()) return Progress::kMalformed;
  return progress;
}

std::size_t ReplyStream::BytesNeeded(std::string_view bytes) const {
  if (bytes.size() < kFrameHeaderLength) return kFrameHeaderLength;
  const std::size_t length = FrameLength(bytes);
  if (length == 0 || frame_continues_) return kFrameHeaderLength;
  if (bytes.size() == kFrameHeaderLength) return kFrameHeaderLength + 1;
  const auto first_byte = static_cast<std::uint8_t>(bytes[kFrameHeaderLength]);
  return kFrameHeaderLength + (MustBeWhole(first_byte, length) ? length : 1);
}

bool ReplyStream::MustBeWhole(std::uint8_t first_byte, std::size_t length) const {
  if (first_byte == kErrorHeader) return true;
  switch (part_) {
    case Part::kFirst:
      return start_.kind != ReplyKind::kText;
    case Part::kRows:
      // A row that begins with this byte has a first column of 16 MB or more, so its first frame
      // has the maximum length.
      return first_byte == kEofHeader && length < kMaxFrameLength;
    case Part::kParameters:
    case Part::kColumns:
      return false;
  }
  return false;
}

// `frame` has the bytes that BytesNeeded asked for: a header alone, or a header with one byte or
// with all bytes of the frame.
ReplyStream::Progress ReplyStream::HandleFrame(std::string_view frame, std::string& out) {
  const std::size_t length = FrameLength(frame);
  if (static_cast<std::uint8_t>(frame[3]) != server_sequence_++) return Progress::kMalformed;
  const std::string_view payload = frame.substr(kFrameHeaderLength);
  if (!frame_continues_) {
    if (length == 0) return Progress::kMalformed;
    if (MustBeWhole(static_cast<std::uint8_t>(payload[0]), length)) {
      return length < kMaxFrameLength ? HandleWhole(payload, out) : Progress::kMalformed;
    }
  }
  if (part_ == Part::kRows && !frame_continues_) BeginRow(out);
  PassFrame(payload, length, IsHolding() ? held_ : out);
  return passing_ == 0 ? EndPassedFrame(out) : Progress::kNeedsMore;
}

void ReplyStream::PassFrame(std::string_view begin, std::size_t length, std::string& out) {
  started_ = true;
  PutInteger(length, 3, out);
  PutInteger(client_sequence_++, 1, out);
  out.append(begin);
  passing_ = length - begin.size();
  frame_continues_ = length == kMaxFrameLength;
}

ReplyStream::Progress ReplyStream::EndPassedFrame(std::string& out) {
  if (frame_continues_) return Progress::kNeedsMore;
  switch (part_) {
    case Part::kFirst:  // Only a reply of kText passes here.
      return Progress::kDone;
    case Part::kParameters:
    case Part::kColumns:
      return --definitions_left_ > 0 ? Progress::kNeedsMore : EndDefinitions(out);
    case Part::kRows:
      return Progress::kNeedsMore;
  }
  return Progress::kMalformed;
}

ReplyStream::Progress ReplyStream::HandleWhole(std::string_view payload, std::string& out) {
  if (static_cast<std::uint8_t>(payload[0]) == kErrorHeader) return HandleError(payload, out);
  if (part_ == Part::kRows) return HandleOk(payload, out);
  return start_.kind == ReplyKind::kPrepared ? HandlePrepared(payload, out)
                                             : HandleFirst(payload, out);
}

ReplyStream::Progress ReplyStream::HandleFirst(std::string_view payload, std::string& out) {
  const auto header = static_cast<std::uint8_t>(payload[0]);
  if (header == kOkHeader) return HandleOk(payload, out);
  if (header == kLocalInfileHeader) {
    return started_ ? Progress::kMalformed : Progress::kWantsLocalFile;
  }
  PacketReader reader(payload);
  const std::uint64_t columns = reader.LengthEncoded();
  // A count in several bytes may be zero, too. A result has at least one column.
  if (!reader.ok() || reader.left() > 0 || columns == 0) return Progress::kMalformed;
  Emit(payload, out);
  return BeginDefinitions(Part::kColumns, columns);
}

ReplyStream::Progress ReplyStream::HandlePrepared(std::string_view payload, std::string& out) {
  constexpr std::size_t kIdOffset = 1;
  PacketReader reader(payload);
  const std::uint8_t header = reader.U8();
  PreparedReply prepared;
  prepared.id = reader.U32();
  prepared.columns = reader.U16();
  prepared.parameters = reader.U16();
  if (!reader.ok() || header != kOkHeader) return Progress::kMalformed;
  observer_->OnPrepared(prepared);
  reader.U8();
  prepare_warnings_ = reader.U16();
  if (!reader.ok()) prepare_warnings_ = 0;

  std::string for_client(payload);
  PatchU32(start_.client_statement_id, kIdOffset, for_client);
  Emit(for_client, out);
  columns_to_come_ = prepared.columns;
  return prepared.parameters > 0 ? BeginDefinitions(Part::kParameters, prepared.parameters)
                                 : BeginDefinitions(Part::kColumns, prepared.columns);
}

void ReplyStream::BeginRow(std::string& out) {
  const bool is_first = !std::exchange(has_rows_, true);
  // One row alone may have the output parameters. The packet behind the row tells.
  if (IsHolding() && !(start_.to_call && is_first)) Release(out);
}

void ReplyStream::Release(std::string& out) {
  const std::uint16_t more = start_.to_call ? server_status::kMoreResults : 0;
  Release(static_cast<std::uint16_t>((status_ & ~server_status::kOfOneResult) | more), 0, out);
}

void ReplyStream::Release(std::uint16_t status, std::uint16_t warnings, std::string& out) {
  if (!IsHolding()) return;
  PutPacket(BuildEof(status, warnings), *held_sequence_, out);
  out.append(held_);
  held_sequence_.reset();
  held_.clear();
}

ReplyStream::Progress ReplyStream::HandleError(std::string_view payload, std::string& out) {
  std::optional<failover::mysql::MysqlError> error = ParseError(payload);
  if (!error.has_value()) return Progress::kMalformed;
  error_ = *std::move(error);
  const failover::mysql::MysqlError for_client = observer_->OnError(error_);
  if (!started_) return Progress::kRefused;
  Release(out);
  Emit(BuildError(for_client), out);
  return Progress::kDone;
}

ReplyStream::Progress ReplyStream::HandleOk(std::string_view payload, std::string& out) {
  const std::optional<OkPacket> ok = ParseOk(payload);
  if (!ok.has_value()) return Progress::kMalformed;
  status_ = ok->status;
  observer_->OnOk(*ok);
  // The end of columns, rather than of rows, tells of an open cursor.
  const bool ends_columns =
      IsHolding() && !has_rows_ && (ok->status & server_status::kCursorExists) != 0;
  Release(ok->status, ok->warnings, out);
  if (!ends_columns) EmitOk(payload, *ok, out);
  part_ = Part::kFirst;
  return (ok->status & server_status::kMoreResults) != 0 ? Progress::kNeedsMore : Progress::kDone;
}

ReplyStream::Progress ReplyStream::BeginDefinitions(Part part, std::uint64_t count) {
  part_ = part;
  definitions_left_ = count;
  return count > 0 ? Progress::kNeedsMore : Progress::kDone;
}

ReplyStream::Progress ReplyStream::EndDefinitions(std::string& out) {
  const bool may_hold = start_.to_execute && part_ == Part::kColumns;
  if (may_hold && !Deprecates()) {
    started_ = true;
    held_sequence_ = client_sequence_++;
  } else if (!Deprecates()) {
    // The warnings of a result come with its end. Those of a preparation come with each EOF, and a
    // client goes by the last one.
    const bool is_prepared = start_.kind == ReplyKind::kPrepared;
    Emit(BuildEof(status_ & ~server_status::kOfOneResult, is_prepared ? prepare_warnings_ : 0),
         out);
  }
  if (part_ == Part::kParameters) return BeginDefinitions(Part::kColumns, columns_to_come_);
  if (start_.kind == ReplyKind::kPrepared) return Progress::kDone;
  part_ = Part::kRows;
  has_rows_ = false;
  return Progress::kNeedsMore;
}

void ReplyStream::EmitOk(std::string_view payload, OkPacket ok, std::string& out) {
  if (part_ == Part::kRows && !Deprecates()) {
    Emit(BuildEof(ok.status, ok.warnings), out);
  } else if (ok.session_changes.empty()) {
    Emit(payload, out);
  } else {
    std::string changes;
    if ((start_.client_capabilities & capability::kSessionTrack) != 0) {
      changes = ChangesForClient(ok.session_changes);
    }
    ok.session_changes = changes;
    Emit(BuildOk(ok, part_ == Part::kRows ? kEofHeader : kOkHeader), out);
  }
}

void ReplyStream::Emit(std::string_view payload, std::string& out) {
  started_ = true;
  PutPacket(payload, client_sequence_, out);
}

}  // namespace mysql_proxy
