#include "topology/etcd_watcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "watch/finding.h"

namespace failover::topology::internal {
namespace {

constexpr std::chrono::milliseconds kFirstPause(100);
constexpr std::chrono::milliseconds kLongestPause(5000);
constexpr long kUnauthorized = 401;

}  // namespace

EtcdWatcher::EtcdWatcher(const EtcdOptions& options, HttpClient& client, std::string prefix,
                         EtcdListener& listener)
    : options_(options),
      client_(client),
      prefix_(std::move(prefix)),
      listener_(listener),
      random_(std::random_device{}()) {}

EtcdWatcher::Time EtcdWatcher::due() const {
  switch (stage_) {
    case Stage::kPause:
      return deadline_;
    case Stage::kLogin:
    case Stage::kRead:
      return Time::max();
    case Stage::kWatch:
      break;
  }
  const Time poll = question_ == nullptr ? next_poll_ : Time::max();
  return watch_stands_ ? poll : std::min(poll, deadline_);
}

void EtcdWatcher::Step(Time now) {
  switch (stage_) {
    case Stage::kPause:
      if (now >= deadline_) Connect(now);
      break;
    case Stage::kLogin:
      StepLogin(now);
      break;
    case Stage::kRead:
      StepRead(now);
      break;
    case Stage::kWatch:
      StepWatch(now);
      break;
  }
}

// ---- Questions ----------------------------------------------------------------------------------

std::unique_ptr<HttpRequest> EtcdWatcher::Start(absl::string_view path, std::string body,
                                                bool endless) {
  HttpPost post;
  post.url = absl::StrCat(absl::StripSuffix(endpoint(), "/"), "/v3/", path);
  post.body = std::move(body);
  post.authorization = token_;
  post.timeout = absl::ToChronoMilliseconds(options_.request_timeout);
  post.endless = endless;
  return client_.Start(post);
}

void EtcdWatcher::Connect(Time now) {
  if (options_.user.empty() || !token_.empty()) {
    Read(now);
    return;
  }
  stage_ = Stage::kLogin;
  question_ = Start("auth/authenticate", AuthenticateRequest(options_.user, options_.password),
                    /*endless=*/false);
  if (question_ == nullptr) Fail(absl::ResourceExhaustedError("no memory"), now);
}

void EtcdWatcher::Read(Time now) {
  stage_ = Stage::kRead;
  revision_asked_ = listener_.revision();
  question_ = Start("kv/range", RangeRequest(prefix_), /*endless=*/false);
  if (question_ == nullptr) Fail(absl::ResourceExhaustedError("no memory"), now);
}

void EtcdWatcher::Watch(Time now) {
  stage_ = Stage::kWatch;
  deadline_ = now + absl::ToChronoNanoseconds(options_.request_timeout);
  next_poll_ = now + absl::ToChronoNanoseconds(options_.poll_interval);
  watched_revision_ = listener_.revision();
  watch_must_reach_ = 0;
  watch_stands_ = false;
  watch_ = Start("watch", WatchRequest(prefix_, listener_.revision() + 1), /*endless=*/true);
  if (watch_ == nullptr) Fail(absl::ResourceExhaustedError("no memory"), now);
}

// ---- Answers ------------------------------------------------------------------------------------

void EtcdWatcher::StepLogin(Time now) {
  if (!HasAnswer(question_, now)) return;
  absl::StatusOr<std::string> token = ParseAuthenticateReply(question_->body());
  question_.reset();
  if (!token.ok()) {
    Fail(token.status(), now);
    return;
  }
  token_ = *std::move(token);
  Read(now);
}

void EtcdWatcher::StepRead(Time now) {
  if (!HasAnswer(question_, now)) return;
  const std::unique_ptr<HttpRequest> question = std::move(question_);
  if (TellRange(question->body(), now)) Watch(now);
}

void EtcdWatcher::StepWatch(Time now) {
  for (const std::string& line : watch_->TakeLines()) {
    TakeLine(line, now);
    if (stage_ != Stage::kWatch) return;
  }
  if (watch_->end().has_value()) {
    if (HasAnswer(watch_, now)) Fail(absl::UnavailableError("the watch ended"), now);
    return;
  }
  if (!watch_stands_ && now >= deadline_) {
    Fail(absl::DeadlineExceededError("the watch does not begin"), now);
    return;
  }
  StepPoll(now);
}

void EtcdWatcher::TakeLine(const std::string& line, Time now) {
  if (watch_->http_code() != 200) {
    Refused(watch_->http_code(), line, now);
    return;
  }
  const absl::StatusOr<WatchReply> reply = ParseWatchLine(line);
  if (!reply.ok()) {
    Fail(reply.status(), now);
    return;
  }
  if (reply->header.cluster_id != cluster_id_) {
    Fail(absl::UnavailableError("the watch is of another etcd cluster"), now);
    return;
  }
  if (reply->canceled && reply->compact_revision > 0) {
    // The events are gone, but their results are not.
    PauseFor(kFirstPause, now);
    return;
  }
  if (reply->canceled) {
    Fail(absl::UnavailableError(absl::StrCat("the watch was canceled: ",
                                             watch::internal::Printable(reply->cancel_reason))),
         now);
    return;
  }
  if (reply->created && !watch_stands_) {
    watch_stands_ = true;
    failures_ = 0;
    token_worked_ = true;
    listener_.OnConnected(endpoint());
  }
  if (reply->IsProgress()) watched_revision_ = std::max(watched_revision_, reply->header.revision);
  for (const WatchEvent& event : reply->events) {
    watched_revision_ = std::max(watched_revision_, event.key.mod_revision);
  }
  listener_.OnWatch(*reply);
}

void EtcdWatcher::StepPoll(Time now) {
  if (question_ == nullptr) {
    if (now < next_poll_) return;
    revision_asked_ = listener_.revision();
    question_ = Start("kv/range", RangeRequest(prefix_), /*endless=*/false);
    if (question_ == nullptr) Fail(absl::ResourceExhaustedError("no memory"), now);
    return;
  }
  if (!HasAnswer(question_, now)) return;
  const std::unique_ptr<HttpRequest> question = std::move(question_);
  next_poll_ = now + absl::ToChronoNanoseconds(options_.poll_interval);
  if (watched_revision_ < watch_must_reach_) {
    Fail(absl::DeadlineExceededError("the watch told nothing of a change"), now);
    return;
  }
  static_cast<void>(TellRange(question->body(), now));
}

bool EtcdWatcher::HasAnswer(const std::unique_ptr<HttpRequest>& request, Time now) {
  const std::optional<absl::Status> end = request->end();
  if (!end.has_value()) return false;
  if (!end->ok()) {
    Fail(*end, now);
    return false;
  }
  if (request->http_code() != 200) {
    Refused(request->http_code(), request->body(), now);
    return false;
  }
  return true;
}

bool EtcdWatcher::TellRange(const std::string& body, Time now) {
  const absl::StatusOr<RangeReply> reply = ParseRangeReply(body);
  if (!reply.ok()) {
    Fail(reply.status(), now);
    return false;
  }
  const bool new_store = NoteStore(*reply);
  for (const EtcdKey& key : reply->keys) {
    watch_must_reach_ = std::max(watch_must_reach_, key.mod_revision);
  }
  listener_.OnRange(*reply);
  // A watch that stands is one of the store of before.
  if (new_store && stage_ == Stage::kWatch) PauseFor(kFirstPause, now);
  return true;
}

bool EtcdWatcher::NoteStore(const RangeReply& reply) {
  const std::uint64_t known = std::exchange(cluster_id_, reply.header.cluster_id);
  // etcd answers a range from its newest state. So the revision goes back only in another store.
  const bool went_back = reply.header.revision < revision_asked_;
  if (!went_back && (known == 0 || known == cluster_id_)) return false;
  listener_.OnNewNumbering(absl::StrCat(
      endpoint(), known == cluster_id_ ? " has an older revision" : " is another etcd cluster"));
  return true;
}

// ---- Trouble ------------------------------------------------------------------------------------

void EtcdWatcher::Refused(long http_code, absl::string_view body, Time now) {
  if (http_code == kUnauthorized && std::exchange(token_worked_, false)) {
    // The token is too old. That is no trouble of the endpoint.
    token_.clear();
    PauseFor(Time::duration::zero(), now);
    return;
  }
  Fail(ErrorOfReply(http_code, body), now);
}

void EtcdWatcher::Fail(const absl::Status& problem, Time now) {
  const std::string failed = endpoint();
  endpoint_ = (endpoint_ + 1) % options_.endpoints.size();
  // Whatever was refused, the next attempt logs in anew.
  token_.clear();
  token_worked_ = false;
  // The first round through the endpoints is quick. After that the pauses grow.
  const int rounds = failures_ / static_cast<int>(options_.endpoints.size());
  failures_ = std::min(failures_ + 1, 1'000'000);
  PauseFor(std::min(kLongestPause, kFirstPause * (1 << std::min(rounds, 6))), now);
  listener_.OnTrouble(
      absl::Status(problem.code(), absl::StrCat("etcd ", failed, ": ", problem.message())));
}

void EtcdWatcher::PauseFor(Time::duration pause, Time now) {
  // Many routers lose an endpoint at the same moment, and should not come back in step.
  std::uniform_real_distribution<double> part(0.75, 1.25);
  stage_ = Stage::kPause;
  deadline_ = now + std::chrono::duration_cast<Time::duration>(pause * part(random_));
  question_.reset();
  watch_.reset();
  watch_stands_ = false;
}

}  // namespace failover::topology::internal
