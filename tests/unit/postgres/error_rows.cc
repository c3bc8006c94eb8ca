#include "error_rows.h"

namespace failover::postgres {
namespace {

constexpr Severity kWarning = Severity::kWarning;
constexpr Severity kError = Severity::kError;
constexpr Severity kFatal = Severity::kFatal;

constexpr Outcome kNotExecuted = Outcome::kNotExecuted;
constexpr Outcome kRolledBack = Outcome::kRolledBack;
constexpr Outcome kFailed = Outcome::kFailed;
constexpr Outcome kUnknown = Outcome::kUnknown;

constexpr bool kHeld = true;
constexpr bool kNotHeld = false;

PostgresError ConnectFailed(std::string text) {
  return {Source::kConnectFailed, Severity::kUnknown, "", std::move(text), ""};
}

PostgresError Lost(std::string text) {
  return {Source::kConnectionLost, Severity::kUnknown, "", std::move(text), ""};
}

}  // namespace

// The texts are those of PostgreSQL 15 and its client library, unless the name of the row says
// another thing.
const std::vector<Row>& Rows() {
  static const auto* const rows = new std::vector<Row>{
      // A standby refuses.
      {"ReadOnlyTransaction",
       Response(kError, "25006", "cannot execute INSERT in a read-only transaction"), kNotExecuted,
       kHeld, kHeld},
      {"ReadOnlyDuringRecovery", Response(kError, "25006", "cannot execute LISTEN during recovery"),
       kNotExecuted, kHeld, kHeld},
      {"ReadOnlyInGerman",
       Response(kError, "25006",
                "INSERT kann nicht in einer Read-Only-Transaktion ausgeführt werden"),
       kNotExecuted, kHeld, kHeld},
      {"ReadWriteDuringRecovery",
       Response(kError, "0A000", "cannot set transaction read-write mode during recovery"),
       kNotExecuted, kHeld, kHeld},
      {"SerializableOnStandby",
       Response(kError, "0A000", "cannot use serializable mode in a hot standby"), kNotExecuted,
       kHeld, kHeld},
      {"OtherFeature", Response(kError, "0A000", "cached plan must not change result type"),
       kFailed, kNotHeld, kNotHeld},
      {"RecoveryInProgress", Response(kError, "55000", "recovery is in progress"), kNotExecuted,
       kHeld, kHeld},
      {"OtherPrerequisite",
       Response(kError, "55000", "currval of sequence \"s\" is not yet defined in this session"),
       kFailed, kNotHeld, kNotHeld},
      {"OidsDuringRecovery", Response(kError, "XX000", "cannot assign OIDs during recovery"),
       kNotExecuted, kHeld, kHeld},
      {"OtherInternalError", Response(kError, "XX000", "cache lookup failed for relation 16384"),
       kFailed, kNotHeld, kNotHeld},

      // The server ends, or ends the session.
      {"AdminShutdown",
       Response(kFatal, "57P01", "terminating connection due to administrator command"),
       kNotExecuted, kHeld, kNotHeld},
      {"AdminShutdownInGerman",
       Response(kFatal, "57P01",
                "Verbindung wird abgebrochen aufgrund von Anweisung des "
                "Administrators"),
       kNotExecuted, kHeld, kNotHeld},
      {"PostmasterExit",
       Response(kFatal, "57P01", "terminating connection due to unexpected postmaster exit"),
       kNotExecuted, kHeld, kNotHeld},
      {"SynchronousWaitCutOff",
       LastNotice(kWarning, "57P01",
                  "canceling the wait for synchronous replication and terminating connection due "
                  "to administrator command"),
       kUnknown, kNotHeld, kNotHeld},
      {"ImmediateShutdown",
       LastNotice(kWarning, "57P01", "terminating connection due to immediate shutdown command"),
       kUnknown, kNotHeld, kNotHeld},
      {"CrashOfAnother",
       LastNotice(kWarning, "57P02",
                  "terminating connection because of crash of another server process"),
       kUnknown, kNotHeld, kNotHeld},
      {"AdminShutdownAsError",
       Response(kError, "57P01", "terminating connection due to administrator command"), kUnknown,
       kNotHeld, kNotHeld},
      {"AdminShutdownWithoutSeverity",
       Response(Severity::kUnknown, "57P01", "terminating connection due to administrator command"),
       kUnknown, kNotHeld, kNotHeld},

      // The login.
      {"ShuttingDown", Response(kFatal, "57P03", "the database system is shutting down"), kUnknown,
       kNotHeld, kHeld},
      {"StartingUp", Response(kFatal, "57P03", "the database system is starting up"), kUnknown,
       kNotHeld, kHeld},
      {"InRecovery", Response(kFatal, "57P03", "the database system is in recovery mode"), kUnknown,
       kNotHeld, kHeld},
      {"NotYetAccepting",
       Response(kFatal, "57P03", "the database system is not yet accepting connections"), kUnknown,
       kNotHeld, kHeld},
      {"TooManyClients", Response(kFatal, "53300", "sorry, too many clients already"), kUnknown,
       kNotHeld, kNotHeld},
      {"WrongPassword",
       Response(kFatal, "28P01", "password authentication failed for user \"app\""), kUnknown,
       kNotHeld, kNotHeld},
      {"NoRole", Response(kFatal, "28000", "role \"nobody\" does not exist"), kUnknown, kNotHeld,
       kNotHeld},
      {"NoDatabase", Response(kFatal, "3D000", "database \"nowhere\" does not exist"), kUnknown,
       kNotHeld, kNotHeld},
      {"UnknownParameter",
       Response(kFatal, "42704", "unrecognized configuration parameter \"nonsense\""), kUnknown,
       kNotHeld, kNotHeld},

      // No connection.
      {"Refused",
       ConnectFailed("connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n"
                     "\tIs the server running on that host and accepting TCP/IP connections?\n"),
       kUnknown, kNotHeld, kHeld},
      {"ConnectTimeOut",
       ConnectFailed("connection to server at \"10.0.0.7\", port 5432 failed: timeout expired\n"),
       kUnknown, kNotHeld, kHeld},
      {"UnknownHost",
       ConnectFailed("could not translate host name \"db.example\" to address: Name or service not "
                     "known\n"),
       kUnknown, kNotHeld, kHeld},
      {"ProxyWithoutServer",
       ConnectFailed("connection to server at \"10.0.0.7\", port 5432 failed: server closed the "
                     "connection unexpectedly\n\tThis probably means the server terminated "
                     "abnormally\n\tbefore or while processing the request.\n"),
       kUnknown, kNotHeld, kHeld},
      {"NoLocalPort",
       ConnectFailed("connection to server at \"10.0.0.7\", port 5432 failed: Cannot assign "
                     "requested address\n\tIs the server running on that host and accepting TCP/IP "
                     "connections?\n"),
       kUnknown, kNotHeld, kNotHeld},
      {"NoDescriptor", ConnectFailed("could not create socket: Too many open files\n"), kUnknown,
       kNotHeld, kNotHeld},
      {"NameServiceSilent",
       ConnectFailed("could not translate host name \"db.example\" to address: Temporary failure "
                     "in name resolution\n"),
       kUnknown, kNotHeld, kNotHeld},

      // A connection is lost.
      {"EndOfFile",
       Lost("server closed the connection unexpectedly\n\tThis probably means the server "
            "terminated abnormally\n\tbefore or while processing the request.\n"),
       kUnknown, kNotHeld, kNotHeld},
      {"Reset", Lost("could not receive data from server: Connection reset by peer\n"), kUnknown,
       kNotHeld, kNotHeld},
      {"Silence", Lost(""), kUnknown, kNotHeld, kNotHeld},
      {"ConnectionFailureOfPooler", Response(kError, "08006", "remote server read/write error"),
       kUnknown, kNotHeld, kNotHeld},
      {"ResolutionUnknown", Response(kError, "08007", ""), kUnknown, kNotHeld, kNotHeld},
      {"PgBouncerLostItsServer", Response(kFatal, "08P01", "server conn crashed?"), kUnknown,
       kNotHeld, kNotHeld},

      // The session ends for its own sake.
      {"IdleInTransaction",
       Response(kFatal, "25P03", "terminating connection due to idle-in-transaction timeout"),
       kUnknown, kNotHeld, kNotHeld},
      {"IdleSession",
       Response(kFatal, "57P05", "terminating connection due to idle-session timeout"), kUnknown,
       kNotHeld, kNotHeld},
      {"DatabaseDropped",
       Response(kFatal, "57P04", "terminating connection due to conflict with recovery"), kUnknown,
       kNotHeld, kNotHeld},

      // The statement ends for its own sake.
      {"SerializationFailure",
       Response(kError, "40001", "could not serialize access due to concurrent update"),
       kRolledBack, kNotHeld, kNotHeld},
      {"RecoveryConflict",
       Response(kError, "40001", "canceling statement due to conflict with recovery"), kRolledBack,
       kNotHeld, kNotHeld},
      {"Deadlock", Response(kError, "40P01", "deadlock detected"), kRolledBack, kNotHeld, kNotHeld},
      {"CompletionUnknown", Response(kError, "40003", ""), kUnknown, kNotHeld, kNotHeld},
      {"Canceled", Response(kError, "57014", "canceling statement due to user request"), kFailed,
       kNotHeld, kNotHeld},
      {"FailedTransaction",
       Response(kError, "25P02",
                "current transaction is aborted, commands ignored until end of transaction block"),
       kFailed, kNotHeld, kNotHeld},
      {"DuplicateKey",
       Response(kError, "23505", "duplicate key value violates unique constraint \"t_pkey\""),
       kFailed, kNotHeld, kNotHeld},
      {"Panic", Response(Severity::kPanic, "XX000", "could not write to file"), kUnknown, kNotHeld,
       kNotHeld},
      {"OtherNotice",
       LastNotice(Severity::kNotice, "00000", "table \"t\" does not exist, skipping"), kUnknown,
       kNotHeld, kNotHeld},
  };
  return *rows;
}

}  // namespace failover::postgres
