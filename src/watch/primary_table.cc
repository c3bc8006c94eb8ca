#include "failover/watch/primary_table.h"

#include <deque>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/mutex.h"
#include "failover/buffer_options.h"
#include "watch/shard_primary.h"
#include "watch/validation.h"

namespace failover::watch {
namespace {

using failover::internal::Logger;
using failover::internal::MutexLock;
using internal::LogLine;
using internal::ShardPrimary;
using internal::TableNews;

absl::Status ValidateName(const char* field, const std::string& name) {
  if (!name.empty() && name.size() <= kMaxNameLength) return absl::OkStatus();
  return internal::WrongField(
      field, absl::StrCat("must have 1 to ", kMaxNameLength, " bytes, it has ", name.size()));
}

absl::Status Validate(const ServerReport& report) {
  if (absl::Status name = ValidateName("keyspace", report.keyspace); !name.ok()) return name;
  if (absl::Status name = ValidateName("shard", report.shard); !name.ok()) return name;
  if (report.address.empty()) return internal::WrongField("address", "must not be empty");
  if (report.term < 0) {
    return internal::WrongField("term", absl::StrCat("must not be negative: ", report.term));
  }
  return absl::OkStatus();
}

}  // namespace

class PrimaryTable::Impl {
 public:
  Impl(HealthCheckStatsListener* listener, LogFunction log)
      : listener_(listener), logger_(std::move(log)) {}

  void Report(const ServerReport& report) {
    {
      const MutexLock lock(mutex_);
      Name name(report.keyspace, report.shard);
      const auto shard = shards_.try_emplace(std::move(name), report.keyspace, report.shard).first;
      waiting_.push_back(shard->second.OnReport(report));
      NameFeedOnce(waiting_.back());
      if (telling_) return;
      telling_ = true;
    }
    try {
      for (TableNews news; Next(&news);) Tell(news);
    } catch (...) {
      // Otherwise nobody would be told anything after an exception of the listener.
      const MutexLock lock(mutex_);
      telling_ = false;
      throw;
    }
  }

  std::optional<TablePrimary> PrimaryOf(std::string_view keyspace, std::string_view shard) const {
    const MutexLock lock(mutex_);
    const auto found = shards_.find(Name(keyspace, shard));
    if (found == shards_.end()) return std::nullopt;
    return found->second.primary();
  }

 private:
  using Name = std::pair<std::string, std::string>;

  void NameFeedOnce(TableNews& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (news.terms_do_not_grow.empty() || named_feed_) return;
    named_feed_ = true;
    news.log.push_back({LogLevel::kWarning, "primary table: " + news.terms_do_not_grow});
  }

  // Takes the news that were waiting longest. False ends the turn of the thread that tells.
  bool Next(TableNews* news) {
    const MutexLock lock(mutex_);
    telling_ = !waiting_.empty();
    if (!telling_) return false;
    *news = std::move(waiting_.front());
    waiting_.pop_front();
    return true;
  }

  // The lines come first, because the listener logs what follows from the reports.
  void Tell(const TableNews& news) {
    for (const LogLine& line : news.log) logger_.Log(line.level, line.text);
    for (const TabletStats& stats : news.reports) {
      if (listener_ != nullptr) listener_->StatsUpdate(stats);
    }
  }

  HealthCheckStatsListener* const listener_;
  const Logger logger_;

  mutable failover::internal::Mutex mutex_;
  std::map<Name, ShardPrimary> shards_ ABSL_GUARDED_BY(mutex_);
  // What the listener was not told yet, and whether a thread is telling it.
  std::deque<TableNews> waiting_ ABSL_GUARDED_BY(mutex_);
  bool telling_ ABSL_GUARDED_BY(mutex_) = false;
  bool named_feed_ ABSL_GUARDED_BY(mutex_) = false;
};

PrimaryTable::PrimaryTable(HealthCheckStatsListener* listener, LogFunction log)
    : impl_(std::make_unique<Impl>(listener, std::move(log))) {}

PrimaryTable::~PrimaryTable() = default;

absl::Status PrimaryTable::Report(const ServerReport& report) {
  if (absl::Status valid = Validate(report); !valid.ok()) return valid;
  impl_->Report(report);
  return absl::OkStatus();
}

std::optional<TablePrimary> PrimaryTable::PrimaryOf(std::string_view keyspace,
                                                    std::string_view shard) const {
  return impl_->PrimaryOf(keyspace, shard);
}

}  // namespace failover::watch
