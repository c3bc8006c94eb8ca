#include "proxy/postgres/session/request.h"

#include <algorithm>
#include <utility>

#include "proxy/postgres/protocol/message.h"

namespace postgres_proxy {
namespace {

using failover::postgres::StatementKind;

StatementTraits Anything() {
  StatementTraits traits;
  traits.kind = StatementKind::kMayCommitInside;
  traits.calls_unknown = true;
  return traits;
}

// Whether a message of this type may stand outside a COPY.
bool IsRequest(char type) {
  return std::string_view("QFSHPBDEC").find(type) != std::string_view::npos;
}

}  // namespace

bool Request::Add(char type, std::string_view body) {
  // The server does not look into a message that it skips.
  if (skips_ && type != frontend::kSync) return IsRequest(type);
  switch (type) {
    case frontend::kQuery:
      if (body.empty() || body.back() != '\0') return false;
      AddQuery(body.substr(0, body.size() - 1));
      return true;
    case frontend::kFunctionCall:
      // What the function does is not known.
      simple_ = steps_.empty() && executed_.empty();
      mixed_ = closed_ = true;
      AddExecuted(Anything());
      return true;
    case frontend::kSync:
      closed_ = true;
      skips_ = false;
      return true;
    case frontend::kFlush:
      flushed_ = true;
      return true;
    case frontend::kParse:
      return AddParse(body);
    case frontend::kBind:
      return AddBind(body);
    case frontend::kDescribe:
      return AddDescribe(body);
    case frontend::kExecute:
      return AddExecute(body);
    case frontend::kClose:
      return AddClose(body);
    default:
      return false;
  }
}

void Request::AddQuery(std::string_view text) {
  simple_ = steps_.empty() && executed_.empty();
  mixed_ = !simple_;
  closed_ = true;
  for (StatementTraits& traits : JudgeText(text, rules_)) {
    AddExecuted(traits);
    steps_.push_back({frontend::kQuery, {}, nullptr, std::move(traits)});
  }
}

bool Request::AddParse(std::string_view body) {
  BodyReader reader(body);
  const std::string_view name = reader.Text();
  const std::string_view sql = reader.Text();
  if (!reader.ok()) return false;
  auto prepared = std::make_shared<PreparedStatement>();
  prepared->parse = body;
  prepared->traits = JudgeText(sql, rules_);
  parsed_[std::string(name)] = prepared;
  steps_.push_back({frontend::kParse, std::string(name), std::move(prepared)});
  return true;
}

PreparedPtr Request::Use(std::string_view name) {
  const auto found = parsed_.find(std::string(name));
  if (found != parsed_.end()) return found->second;
  PreparedPtr prepared = statements_.Find(name);
  if (prepared != nullptr && std::find(needs_.begin(), needs_.end(), prepared) == needs_.end()) {
    needs_.push_back(prepared);
  }
  return prepared;
}

bool Request::AddBind(std::string_view body) {
  BodyReader reader(body);
  const std::string_view portal = reader.Text();
  const std::string_view name = reader.Text();
  if (!reader.ok()) return false;
  // The text of a portal that is forgotten counts as unknown.
  if (portals_.size() >= kMostJudged) portals_.clear();
  portals_[std::string(portal)] = Use(name);
  steps_.push_back({frontend::kBind, std::string(portal)});
  return true;
}

bool Request::AddDescribe(std::string_view body) {
  if (body.size() < 2) return false;
  if (body[0] == 'S') static_cast<void>(Use(body.substr(1, body.size() - 2)));
  steps_.push_back({frontend::kDescribe, std::string(body.substr(0, 1))});
  return true;
}

bool Request::AddExecute(std::string_view body) {
  BodyReader reader(body);
  const std::string_view portal = reader.Text();
  if (!reader.ok()) return false;
  const auto bound = portals_.find(std::string(portal));
  // A portal of an earlier request belongs to an open transaction.
  const PreparedPtr prepared =
      bound != portals_.end() ? bound->second : statements_.FindPortal(portal);
  StatementTraits traits = Anything();
  if (prepared != nullptr) {
    const std::vector<StatementTraits>& all = prepared->traits;
    traits = all.empty() ? StatementTraits() : all.front();
  }
  AddExecuted(traits);
  steps_.push_back({frontend::kExecute, {}, nullptr, std::move(traits)});
  return true;
}

bool Request::AddClose(std::string_view body) {
  if (body.size() < 2) return false;
  steps_.push_back({frontend::kClose, std::string(body.substr(0, body.size() - 1))});
  return true;
}

void Request::AddExecuted(const StatementTraits& traits) {
  for (const SessionChange& change : traits.changes) {
    // DEALLOCATE fails if there is no such statement, and Close does not.
    if (change.kind == SessionChange::Kind::kForgetName) static_cast<void>(Use(change.key));
  }
  if (executed_.size() < kMostJudged) {
    executed_.push_back(traits);
    return;
  }
  if (executed_.size() == kMostJudged) executed_.push_back(Anything());
  StatementTraits& others = executed_.back();
  others.read_only_requested = others.read_only_requested || traits.read_only_requested;
  others.calls_unknown = others.calls_unknown || traits.calls_unknown;
  for (const SessionChange& change : traits.changes) {
    const auto is_same = [&change](const SessionChange& known) {
      return known.what == change.what;
    };
    if (change.kind == SessionChange::Kind::kHas &&
        std::none_of(others.changes.begin(), others.changes.end(), is_same)) {
      others.changes.push_back(change);
    }
  }
}

void Request::ForgetSteps(std::size_t count) {
  const auto end = steps_.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto step = steps_.begin(); step != end; ++step) {
    const auto parsed = step->type == frontend::kParse ? parsed_.find(step->name) : parsed_.end();
    if (parsed != parsed_.end() && parsed->second == step->prepared) parsed_.erase(parsed);
  }
  steps_.erase(steps_.begin(), end);
}

bool Request::ExecutesNothing() const {
  return (closed_ || is_prelude()) && !mixed_ && executed_.empty();
}

StatementKind Request::kind() const {
  if (is_prelude()) return StatementKind::kBegin;
  return closed_ && !flushed_ ? kind_so_far() : StatementKind::kMayCommitInside;
}

StatementKind Request::kind_so_far() const {
  if (mixed_) return StatementKind::kMayCommitInside;
  if (executed_.empty()) return StatementKind::kBegin;
  std::vector<const StatementTraits*> all;
  for (const StatementTraits& traits : executed_) all.push_back(&traits);
  return KindOfAll(all);
}

bool Request::begins_transaction() const {
  const auto commits_nothing = [](const StatementTraits& traits) {
    return (traits.kind == StatementKind::kSingle || traits.kind == StatementKind::kBegin) &&
           traits.control != Control::kRollback;
  };
  return !mixed_ && !executed_.empty() && executed_.front().kind == StatementKind::kBegin &&
         std::all_of(executed_.begin(), executed_.end(), commits_nothing);
}

bool Request::writes() const {
  return closed_ && executed_.size() == 1 && executed_.front().writes;
}

bool Request::may_begin_transaction() const {
  const StatementKind whole = kind();
  return !ExecutesNothing() && whole != StatementKind::kSingle && whole != StatementKind::kPipeline;
}

bool Request::read_only_requested() const {
  return std::any_of(executed_.begin(), executed_.end(),
                     [](const StatementTraits& traits) { return traits.read_only_requested; });
}

Control Request::control() const {
  if (!closed_ || mixed_ || executed_.size() != 1) return Control::kNone;
  return executed_.front().control;
}

}  // namespace postgres_proxy
