#include "proxy/mysql/session/prepared_statements.h"

#include <utility>

namespace mysql_proxy {
namespace {

// The most statements of one session. A backend allows 16,382 statements for all of its sessions
// together (max_prepared_stmt_count).
constexpr std::size_t kMaxStatements = 4096;

}  // namespace

bool PreparedStatements::HasRoomFor(std::string_view sql) const {
  return statements_.size() < kMaxStatements && sql.size() <= max_bytes_ - bytes_;
}

PreparedStatement& PreparedStatements::Add(std::string sql) {
  last_ = next_id_++;
  PreparedStatement& statement = statements_[last_];
  statement.sql = std::move(sql);
  bytes_ += statement.sql.size();
  return statement;
}

PreparedStatement* PreparedStatements::Find(std::uint32_t id) {
  const auto found = statements_.find(Resolve(id));
  return found == statements_.end() ? nullptr : &found->second;
}

void PreparedStatements::Remove(std::uint32_t id) {
  const auto found = statements_.find(Resolve(id));
  if (found == statements_.end()) return;
  if (found->first == last_) last_ = 0;
  SetCursor(Cursor::kNone, found->second);
  bytes_ -= BytesOf(found->second);
  statements_.erase(found);
}

void PreparedStatements::Clear() {
  statements_.clear();
  last_ = 0;
  open_cursors_ = 0;
  bytes_ = 0;
}

void PreparedStatements::AddLongData(std::uint16_t parameter, std::string_view data,
                                     PreparedStatement& statement) {
  if (statement.long_data_refused) return;
  if (parameter >= statement.parameters || data.size() > max_bytes_ - bytes_) {
    DropLongData(statement);
    statement.long_data_refused = true;
    return;
  }
  bytes_ += data.size();
  statement.long_data[parameter].append(data);
}

void PreparedStatements::DropLongData(PreparedStatement& statement) {
  for (const auto& [parameter, data] : statement.long_data) bytes_ -= data.size();
  statement.long_data.clear();
  statement.long_data_refused = false;
}

void PreparedStatements::SetCursor(Cursor cursor, PreparedStatement& statement) {
  if (statement.cursor == Cursor::kOpen) --open_cursors_;
  if (cursor == Cursor::kOpen) ++open_cursors_;
  statement.cursor = cursor;
}

void PreparedStatements::LoseCursors() {
  if (open_cursors_ == 0) return;
  for (auto& [id, statement] : statements_) {
    if (statement.cursor == Cursor::kOpen) SetCursor(Cursor::kLost, statement);
  }
}

std::size_t PreparedStatements::BytesOf(const PreparedStatement& statement) {
  std::size_t bytes = statement.sql.size();
  for (const auto& [parameter, data] : statement.long_data) bytes += data.size();
  return bytes;
}

}  // namespace mysql_proxy
