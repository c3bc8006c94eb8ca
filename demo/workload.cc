#include "workload.h"

#include <random>
#include <utility>

#include "failover/clock.h"
#include "sql_error.h"

namespace failover_demo {
namespace {

// No client writes more rows than this, so no two clients write the same row.
constexpr RowId kRowsPerClient = 1'000'000'000;

Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return Outcome::kAnswered;
  if (absl::IsNotFound(status)) return Outcome::kRowMissing;
  return FateUnknown(status) ? Outcome::kFateUnknown : Outcome::kRefused;
}

// Looks for a row that was acknowledged. The row must be there, whichever server is the primary.
absl::Status ReadBack(Session& session, RowId row) {
  const absl::StatusOr<bool> exists = session.Exists(row);
  if (!exists.ok()) return exists.status();
  return *exists ? absl::OkStatus() : absl::NotFoundError("the row is missing");
}

}  // namespace

Workload::Workload(Router& router, int clients, double requests_per_second, absl::Time start)
    : router_(router),
      start_(start),
      period_(absl::Seconds(clients / requests_per_second)),
      records_(static_cast<std::size_t>(clients)) {
  for (int client = 0; client < clients; ++client) {
    threads_.emplace_back([this, client] { RunClient(client); });
  }
}

Workload::~Workload() { Stop(); }

std::vector<ClientRecord> Workload::Stop() {
  if (!stop_.HasBeenNotified()) stop_.Notify();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return std::move(records_);
}

void Workload::RunClient(int client) {
  failover::Clock& clock = failover::Clock::Steady();
  ClientRecord& record = records_[static_cast<std::size_t>(client)];
  Session session(router_);
  std::minstd_rand random(static_cast<std::minstd_rand::result_type>(client + 1));
  std::vector<RowId> acknowledged;
  RowId next_row = client * kRowsPerClient;

  // The clients start at evenly spread times, so that the load has no pulse.
  absl::Time next = clock.Now() + period_ * client / static_cast<double>(records_.size());
  while (!stop_.WaitForNotificationWithTimeout(next - clock.Now())) {
    RequestRecord request;
    request.begin = clock.Now() - start_;
    request.is_insert = acknowledged.empty() || random() % 2 == 0;
    request.row = request.is_insert ? next_row++ : acknowledged[random() % acknowledged.size()];
    const absl::Status status =
        request.is_insert ? session.Insert(request.row) : ReadBack(session, request.row);
    if (request.is_insert && status.ok()) acknowledged.push_back(request.row);
    Note(status, session, std::move(request), record);
    // The client keeps its rhythm, however long the request took, so that the load stays even.
    do {
      next += period_;
    } while (next < clock.Now());
  }
}

void Workload::Note(const absl::Status& status, const Session& session, RequestRecord request,
                    ClientRecord& record) {
  request.end = failover::Clock::Steady().Now() - start_;
  request.last_attempt = session.last_attempt() - start_;
  request.outcome = OutcomeOf(status);
  if (status.ok()) {
    answered_.fetch_add(1, std::memory_order_relaxed);
  } else {
    request.error = ErrorLabel(status);
    errors_.fetch_add(1, std::memory_order_relaxed);
  }
  record.push_back(std::move(request));
}

}  // namespace failover_demo
