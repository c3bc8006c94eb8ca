// The answer of a backend: what the client gets of it and when, and what it says about the session.
#include <utility>

#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/session/proxy_errors.h"
#include "proxy/postgres/session/upstream.h"

namespace postgres_proxy {
namespace {

using failover::postgres::PostgresError;
using failover::postgres::SendState;
using failover::postgres::Severity;
using failover::postgres::Source;
using proxy::Task;

// The client gets messages as a whole, so that an error can follow what it has got. Only longer
// messages are passed on in pieces.
constexpr std::size_t kLongMessage = std::size_t{16} << 10;
// So much of an answer is kept back, in the hope that the request can still be repeated.
constexpr std::size_t kMostKeptBack = std::size_t{64} << 10;
// The longest message that is looked at as a whole.
constexpr std::size_t kLongestLookedAt = std::size_t{64} << 20;

// So many answered steps of a request that is passed on as it comes are kept.
constexpr std::size_t kMostStepsToKeep = 1000;

// Whether messages of this type are only passed on. Their beginning is the answer to a statement.
bool IsData(char type) {
  return type == backend::kDataRow || type == backend::kCopyData ||
         type == backend::kFunctionCallResponse;
}

}  // namespace

Upstream::Progress Upstream::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const MessageCutter::State state = cutter_.Feed(bytes, out_);
    if (state == MessageCutter::State::kMalformed) return Progress::kFailed;
    if (state == MessageCutter::State::kNeedsMore) {
      if (cutter_.has_header() && !IsData(cutter_.type()) &&
          cutter_.body_size() > kLongestLookedAt) {
        return Progress::kFailed;
      }
      break;
    }
    if (TakeAnswer() == Progress::kFailed) {
      if (!done_) return Progress::kFailed;
      // The request has got its answer. The next one finds the connection dead.
      connection_->Close();
      break;
    }
    complete_ = out_.size();
    partly_passed_ = false;
  }
  return done_ ? Progress::kDone : Progress::kNeedsMore;
}

Upstream::Progress Upstream::TakeAnswer() {
  const char type = cutter_.type();
  if (warning_.has_value()) {
    // The warning was not the last word.
    warning_.reset();
    PassNotice(std::exchange(warning_bytes_, {}));
  }
  if (IsData(type) && !own_.has_value()) {
    passing_ = statement_.reply_begun = true;
    return is_waiting_ ? Progress::kNeedsMore : Progress::kFailed;
  }
  switch (type) {
    case backend::kError:
      return own_.has_value() ? TakeOwnAnswer() : TakeError();
    case backend::kNotice:
      TakeNotice();
      return Progress::kNeedsMore;
    case backend::kNotification:
      PassNotice(TakeOut());
      return Progress::kNeedsMore;
    case backend::kParameterStatus:
      TakeParameter();
      return Progress::kNeedsMore;
    default:
      break;
  }
  if (own_.has_value()) return TakeOwnAnswer();
  // Everything else is the answer to a request.
  if (!is_waiting_ || done_) return Progress::kFailed;
  switch (type) {
    case backend::kReadyForQuery:
      return TakeReady();
    case backend::kCopyIn:
      TakeCopyIn();
      [[fallthrough]];
    case backend::kCopyOut:
    case backend::kCopyDone:
      passing_ = statement_.reply_begun = true;
      return Progress::kNeedsMore;
    case backend::kCommandComplete:
    case backend::kEmptyQuery:
    case backend::kPortalSuspended:
      TakeStep();
      if (!EndsInsidePipeline()) passing_ = statement_.reply_begun = true;
      return Progress::kNeedsMore;
    case backend::kParseComplete:
    case backend::kBindComplete:
    case backend::kCloseComplete:
    case backend::kNoData:
    case backend::kRowDescription:
      TakeStep();
      return Progress::kNeedsMore;
    case backend::kParameterDescription:
      return Progress::kNeedsMore;
    default:
      return Progress::kFailed;
  }
}

std::string Upstream::TakeOut() {
  std::string message = out_.substr(complete_);
  out_.resize(complete_);
  return message;
}

void Upstream::TakeParameter() {
  BodyReader reader(Body());
  const std::string_view name = reader.Text();
  const std::string_view value = reader.Text();
  if (reader.ok()) state_.LearnParameter(name, value);
  if (!is_waiting_ || done_) urgent_.append(TakeOut());
}

void Upstream::TakeNotice() {
  PostgresError notice = ParseError(Source::kNoticeResponse, Body());
  std::string message = TakeOut();
  if (notice.severity == Severity::kWarning && notice.sqlstate.substr(0, 3) == "57P") {
    warning_ = std::move(notice);
    warning_bytes_ = std::move(message);
  } else {
    PassNotice(message);
  }
}

// The client gets a notice in its order, unless the beginning of the answer is kept back.
void Upstream::PassNotice(const std::string& message) {
  if (!passing_ || !is_waiting_ || done_) {
    urgent_.append(message);
    return;
  }
  out_.insert(complete_, message);
  complete_ += message.size();
}

void Upstream::TakeCopyIn() {
  copying_ = true;
  // A Sync that was sent already is swallowed, so the client sends another.
  if (!request_->is_simple()) ready_expected_ = 0;
  request_->Reopen();
  if (std::exchange(kept_, false)) ReleaseBytes();
}

void Upstream::TakeStep() {
  const std::vector<Step>& steps = request_->steps();
  if (next_step_ >= steps.size()) return;
  const Step& step = steps[next_step_];
  switch (cutter_.type()) {
    case backend::kParseComplete:
      if (step.type != frontend::kParse) return;
      step.prepared->connection = connection_->number();
      statements_.Add(step.name, step.prepared);
      break;
    case backend::kBindComplete:
      if (step.type != frontend::kBind) return;
      break;
    case backend::kCloseComplete:
      if (step.type != frontend::kClose) return;
      if (step.name[0] == 'S') statements_.Remove(std::string_view(step.name).substr(1));
      break;
    case backend::kNoData:
    case backend::kRowDescription:
      if (step.type != frontend::kDescribe) return;
      break;
    default:
      if (step.type != frontend::kExecute && step.type != frontend::kQuery) return;
      if (cutter_.type() == backend::kCommandComplete) {
        BodyReader reader(Body());
        StatementSucceeded(step.traits, reader.Text());
      }
      break;
  }
  ++next_step_;
  // Nothing says that the backend is ready.
  if (prelude_ && next_step_ == steps.size()) done_ = passing_ = true;
  if (!kept_ && next_step_ >= kMostStepsToKeep) {
    request_->ForgetSteps(next_step_);
    next_step_ = 0;
  }
}

// A pipeline commits behind its last statement. A FATAL that comes before the answer to that
// statement proves that nothing was committed.
bool Upstream::EndsInsidePipeline() {
  ++statements_answered_;
  return statement_.kind == failover::postgres::StatementKind::kPipeline &&
         statements_answered_ < request_->statements().size();
}

void Upstream::StatementSucceeded(const StatementTraits& traits, std::string_view tag) {
  state_.Succeeded(traits, tag);
  if (tag == "BEGIN" || tag == "START TRANSACTION") in_block_ = true;
  const bool ends = traits.control == Control::kCommit || traits.control == Control::kRollback;
  if (ends || tag == "PREPARE TRANSACTION") in_block_ = false;
  if (tag == "DEALLOCATE ALL" || tag == "DISCARD ALL") statements_.Clear();
  for (const SessionChange& change : traits.changes) {
    if (change.kind == SessionChange::Kind::kForgetName) statements_.Remove(change.key);
  }
}

bool Upstream::FailsInTransaction() const {
  const std::vector<Step>& steps = request_->steps();
  // A COMMIT that fails ends the transaction, too.
  const bool ends =
      next_step_ < steps.size() && steps[next_step_].traits.control == Control::kCommit;
  return in_block_ && !ends;
}

void Upstream::SkipMixed() {
  const std::vector<Step>& steps = request_->steps();
  if (next_step_ >= steps.size() || steps[next_step_].type == frontend::kQuery) return;
  ready_expected_ = 0;
  request_->Reopen();
  if (std::exchange(kept_, false)) ReleaseBytes();
}

Upstream::Progress Upstream::TakeError() {
  PostgresError error = ParseError(Source::kErrorResponse, Body());
  if (error.severity != Severity::kError || !is_waiting_ || done_) {
    last_words_ = std::move(error);
    static_cast<void>(TakeOut());
    return Progress::kFailed;
  }
  // COPY is over, and behind a Query the backend is ready at once.
  if (std::exchange(copying_, false) && request_->is_simple()) request_->Close();
  in_block_ = FailsInTransaction();
  if (request_->is_mixed()) SkipMixed();
  request_->SkipToSync();
  state_.Failed();
  ExchangeFailure failure = Failure(ExchangeEvent::kError);
  failure.error = std::move(error);
  const FailureRule& rule = RuleFor(failure);
  const bool refused = rule.repeat == FailureRepeat::kAfterFailover && !prelude_;
  if (refused) NoteRefusedParses();
  next_step_ = request_->steps().size();
  if (refused) {
    // The client gets nothing of this answer.
    out_.clear();
    complete_ = 0;
    passing_ = false;
    refusal_ = std::move(failure);
    return Progress::kNeedsMore;
  }
  if (MustBeNoted(rule, failure)) {
    context_.buffer.NoteRefused(context_.shard, "a statement that is not repeated was refused");
  }
  passed_error_ = StatusFor(rule, failure);
  if (rule.tell == FailureTell::kRolledBack) {
    static_cast<void>(TakeOut());
    PutError(ForClient(passed_error_, absl::OkStatus()), out_);
  }
  passing_ = told_ = true;
  // The backend skips what the client sends up to a Sync, and then says that it is ready.
  if (std::exchange(prelude_, false) && std::exchange(kept_, false)) ReleaseBytes();
  return Progress::kNeedsMore;
}

Upstream::Progress Upstream::TakeReady() {
  if (Body().size() != 1) return Progress::kFailed;
  const char status = Body()[0];
  if (--ready_expected_ > 0) return Progress::kNeedsMore;
  done_ = true;
  state_.Ready(status);
  if (status == 'I') {
    statements_.ForgetPortals();
  } else {
    statements_.AddPortals(request_->portals());
  }
  if (refusal_.has_value()) {
    static_cast<void>(TakeOut());
    return Progress::kDone;
  }
  passing_ = true;
  for (const StatementTraits& traits : request_->statements()) state_.Executed(traits);
  // The backend takes writes in this epoch, so the connection is as good as a new one.
  if (request_->writes() && passed_error_.ok()) epoch_ = epoch_when_sent_;
  return Progress::kDone;
}

Task<bool> Upstream::Flush(proxy::ReplyNotice& notice) {
  if (!urgent_.empty() && !partly_passed_) {
    const bool written = co_await client_.Write(urgent_);
    urgent_.clear();
    if (!written) co_return false;
  }
  std::size_t count = complete_;
  if (cutter_.inside() && out_.size() - complete_ >= kLongMessage && cutter_.has_header() &&
      IsData(cutter_.type())) {
    passing_ = statement_.reply_begun = true;
    count = out_.size();
  }
  // A message that was begun is ended as it comes.
  if (partly_passed_) count = out_.size();
  if (out_.size() > kMostKeptBack && !refusal_.has_value()) passing_ = true;
  if (!passing_ || count == 0) co_return true;
  notice.ReplyBegan();
  statement_.send_state = SendState::kReplyStarted;
  const bool whole = count <= complete_;
  const bool written = co_await client_.Write(std::string_view(out_).substr(0, count));
  out_.erase(0, count);
  complete_ = whole ? complete_ - count : 0;
  partly_passed_ = !whole;
  co_return written;
}

}  // namespace postgres_proxy
