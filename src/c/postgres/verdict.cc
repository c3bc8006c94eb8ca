// What an error of PostgreSQL means, for programs in C.
#include <cstdint>

#include "c/error.h"
#include "c/text.h"
#include "c/verdicts.h"
#include "failover/c/postgres.h"
#include "failover/postgres/errors.h"

namespace c = failover::c;

namespace {

using failover::postgres::PostgresError;
using failover::postgres::Source;
using failover::postgres::Statement;
using failover::postgres::StatementKind;

fo_result SetSource(std::int32_t from, Source* source) {
  switch (from) {
    case FO_POSTGRES_CONNECTION_LOST:
      *source = Source::kConnectionLost;
      return FO_OK;
    case FO_POSTGRES_CONNECT_FAILED:
      *source = Source::kConnectFailed;
      return FO_OK;
    case FO_POSTGRES_ERROR_RESPONSE:
      *source = Source::kErrorResponse;
      return FO_OK;
    case FO_POSTGRES_NOTICE_RESPONSE:
      *source = Source::kNoticeResponse;
      return FO_OK;
    default:
      return c::Invalid("error.source", "is no FO_POSTGRES_CONNECTION_LOST and so on");
  }
}

fo_result SetKind(std::int32_t from, StatementKind* kind) {
  switch (from) {
    case FO_POSTGRES_MAY_COMMIT_INSIDE:
      *kind = StatementKind::kMayCommitInside;
      return FO_OK;
    case FO_POSTGRES_SINGLE:
      *kind = StatementKind::kSingle;
      return FO_OK;
    case FO_POSTGRES_PIPELINE:
      *kind = StatementKind::kPipeline;
      return FO_OK;
    case FO_POSTGRES_BEGIN:
      *kind = StatementKind::kBegin;
      return FO_OK;
    case FO_POSTGRES_COMMIT:
      *kind = StatementKind::kCommit;
      return FO_OK;
    case FO_POSTGRES_TWO_PHASE:
      *kind = StatementKind::kTwoPhase;
      return FO_OK;
    default:
      return c::Invalid("statement.kind", "is no FO_POSTGRES_MAY_COMMIT_INSIDE and so on");
  }
}

// `source` gets what the error says of itself.
fo_result CheckError(const fo_postgres_error* error, Source* source) {
  if (error == nullptr) return c::Invalid("error", "is NULL");
  if (const fo_result size = c::CheckSize(error->struct_size, sizeof(*error), "error");
      size != FO_OK) {
    return size;
  }
  if (error->reserved != 0) return c::Invalid("error.reserved", "is not zero");
  return SetSource(error->source, source);
}

fo_result SetStatement(const fo_postgres_statement* from, Statement* statement) {
  if (from == nullptr) return FO_OK;
  if (const fo_result size = c::CheckSize(from->struct_size, sizeof(*from), "statement");
      size != FO_OK) {
    return size;
  }
  if (from->reserved != 0) return c::Invalid("statement.reserved", "is not zero");
  statement->in_transaction = from->in_transaction != 0;
  statement->read_only_requested = from->read_only_requested != 0;
  statement->reply_begun = from->reply_begun != 0;
  if (const fo_result result = SetKind(from->kind, &statement->kind); result != FO_OK) {
    return result;
  }
  return c::SetSendState(from->send_state, &statement->send_state);
}

}  // namespace

fo_result fo_postgres_verdict(const fo_postgres_error* error,
                              const fo_postgres_statement* statement, fo_verdict* verdict) {
  if (const fo_result result = c::BeginVerdict(verdict); result != FO_OK) return result;
  Source source = Source::kConnectionLost;
  if (const fo_result result = CheckError(error, &source); result != FO_OK) return result;
  Statement judged;
  if (const fo_result result = SetStatement(statement, &judged); result != FO_OK) return result;
  Statement alone;
  alone.kind = StatementKind::kSingle;
  return c::Guarded([&] {
    const PostgresError told = {source, failover::postgres::SeverityOf(c::OrEmpty(error->severity)),
                                c::OrEmpty(error->sqlstate), c::OrEmpty(error->text),
                                c::OrEmpty(error->routine)};
    return c::Judge(&failover::postgres::ToStatus, told, judged, alone, verdict);
  });
}
