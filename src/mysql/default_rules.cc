#include "mysql/default_rules.h"

#include "mysql/error_texts.h"

namespace failover::mysql::internal {
namespace {

constexpr Outcome kNotExecuted = Outcome::kNotExecuted;
constexpr Outcome kRolledBack = Outcome::kRolledBack;
constexpr Outcome kFailed = Outcome::kFailed;
constexpr Outcome kUnknown = Outcome::kUnknown;

constexpr FailoverSign kNo = FailoverSign::kNo;
constexpr FailoverSign kYes = FailoverSign::kYes;
constexpr FailoverSign kUnlessAsked = FailoverSign::kUnlessReadOnlyRequested;
constexpr FailoverSign kForAny = FailoverSign::kForAnyStatement;

}  // namespace

// If a number has several rules, the rules with a text or a function come before the rule without.
const std::vector<Rule>& DefaultRules() {
  static const auto* const rules = new std::vector<Rule>{
      // --- The server refuses to write: it is no longer, or not yet, the primary. ---------------
      // ER_OPTION_PREVENTS_STATEMENT stands for any option, for instance --secure-file-priv or
      // --innodb-read-only. The text names the option, in any language and with or without a value.
      {1290, "", kNotExecuted, kYes, &IsRefusedByReadOnly},
      {1290, "", kNotExecuted, kNo},
      // ER_READ_ONLY_MODE
      {1836, "", kNotExecuted, kYes},
      // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
      {1792, "", kNotExecuted, kUnlessAsked},
      // A Galera node that is not part of its cluster at the moment answers with
      // ER_UNKNOWN_COM_ERROR and "WSREP has not yet prepared node for application use". With
      // another text, the error means that the command is bad.
      {1047, "WSREP", kNotExecuted, kForAny},
      {1047, "", kNotExecuted, kNo},
      // ER_GRP_HOLD_WAIT_TIMEOUT, ER_GRP_HOLD_MEMBER_STATUS_ERROR: the new primary of a group holds
      // statements until it has applied its backlog, and gave this one up before it began.
      {3781, "", kNotExecuted, kForAny},
      {3783, "", kNotExecuted, kForAny},
      // ER_GRP_HOLD_KILLED says the same of a statement that somebody may have killed on purpose.
      {3782, "", kNotExecuted, kNo},

      // --- No connection. If a statement was sent, these errors come from a reconnect that the
      // client library tried by itself. They say nothing about the statement then. ----------------
      // CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_UNKNOWN_HOST: if the machine that wanted to
      // connect has a trouble of its own, the shard is not to blame. To hold its traffic would make
      // the trouble worse.
      {2002, "", kUnknown, kNo, &IsTroubleOfThisMachine},
      {2002, "", kUnknown, kForAny},
      {2003, "", kUnknown, kNo, &IsTroubleOfThisMachine},
      {2003, "", kUnknown, kForAny},
      {2005, "", kUnknown, kNo, &IsTroubleOfNameService},
      {2005, "", kUnknown, kForAny},
      // CR_SOCKET_CREATE_ERROR, CR_IPSOCK_ERROR: no socket could be made on this machine.
      {2001, "", kUnknown, kNo},
      {2004, "", kUnknown, kNo},
      // CR_SERVER_HANDSHAKE_ERR
      {2012, "", kUnknown, kForAny},
      // A TCP proxy in front of a dead server leads to CR_SERVER_LOST in the handshake. The text
      // names the stage. Some versions write "handshake: " in front of it, and some misspell
      // "initial". The number of the system behind it does not count: at times it is left over from
      // an earlier call.
      {2013, "handshake", kUnknown, kForAny},
      {2013, "communication packet", kUnknown, kForAny},
      {2013, "authorization packet", kUnknown, kForAny},
      {2013, "authentication information", kUnknown, kForAny},
      {2013, "connect information", kUnknown, kForAny},
      {2013, "connection information", kUnknown, kForAny},
      {2013, "password information", kUnknown, kForAny},
      // ER_SERVER_OFFLINE_MODE: the server refuses logins. The server also ends sessions with this
      // error, and they may be at work.
      {3032, "", kUnknown, kForAny},
      // ProxySQL found no server: "Max connect timeout reached while reaching hostgroup ...".
      {9001, "while reaching hostgroup", kNotExecuted, kForAny},

      // --- The server ends. ----------------------------------------------------------------------
      // ER_SERVER_SHUTDOWN: the server has probably aborted the statement, but may have executed a
      // COMMIT.
      {1053, "", kUnknown, kForAny},

      // --- A connection is lost. The loss is no sign of a failover, not even if nothing was sent:
      // a time-out or a KILL ends an idle connection, too. To hold the traffic of a healthy shard
      // for that would be worse than the error. A new connection tells more. ----------------------
      // CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_COMMANDS_OUT_OF_SYNC, CR_NET_PACKET_TOO_LARGE,
      // CR_SSL_CONNECTION_ERROR, CR_MALFORMED_PACKET
      {2006, "", kUnknown, kNo},
      {2013, "", kUnknown, kNo},
      {2014, "", kUnknown, kNo},
      {2020, "", kUnknown, kNo},
      {2026, "", kUnknown, kNo},
      {2027, "", kUnknown, kNo},
      // ER_NET_READ_ERROR, ER_NET_READ_INTERRUPTED, ER_NET_ERROR_ON_WRITE,
      // ER_NET_WRITE_INTERRUPTED
      {1158, "", kUnknown, kNo},
      {1159, "", kUnknown, kNo},
      {1160, "", kUnknown, kNo},
      {1161, "", kUnknown, kNo},
      // ER_GOT_SIGNAL, ER_FORCING_CLOSE, ER_ABORTING_CONNECTION, ER_CONNECTION_KILLED (MariaDB),
      // ER_SESSION_WAS_KILLED (MySQL): a KILL by an operator leads to these errors, too.
      {1078, "", kUnknown, kNo},
      {1080, "", kUnknown, kNo},
      {1152, "", kUnknown, kNo},
      {1927, "", kUnknown, kNo},
      {3169, "", kUnknown, kNo},
      // ER_CLIENT_INTERACTION_TIMEOUT (MySQL): the server had closed the session before the
      // statement came. MariaDB uses the same number for an error in CREATE TRIGGER.
      {4031, "disconnected by the server", kNotExecuted, kNo},

      // --- Refused for a reason that is no failover. ---------------------------------------------
      // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED,
      // ER_HOST_IS_BLOCKED
      {1040, "", kNotExecuted, kNo},
      {1203, "", kNotExecuted, kNo},
      {1226, "", kNotExecuted, kNo},
      {1129, "", kNotExecuted, kNo},
      // ER_INNODB_READ_ONLY (started with innodb_read_only), ER_SERVER_ISNT_AVAILABLE
      {1874, "", kNotExecuted, kNo},
      {3168, "", kNotExecuted, kNo},

      // --- TiDB: a part of the cluster did not answer, after the statement had been at work for a
      // while. ------------------------------------------------------------------------------------
      // PD server timeout (a number that ProxySQL uses, too), TiKV server timeout, TiKV server is
      // busy, resolve lock timeout, region is unavailable, result undetermined
      {9001, "", kUnknown, kNo},
      {9002, "", kUnknown, kNo},
      {9003, "", kUnknown, kNo},
      {9004, "", kUnknown, kNo},
      {9005, "", kUnknown, kNo},
      {8501, "", kUnknown, kNo},

      // --- Executed, and undone. -----------------------------------------------------------------
      // ER_LOCK_DEADLOCK, ER_TRANSACTION_ROLLBACK_DURING_COMMIT (Group Replication)
      {1213, "", kRolledBack, kNo},
      {3101, "", kRolledBack, kNo},
      // Aurora changes its size or its version ("Seamless Scaling", "Zero Downtime Patch"), and the
      // connection stays. ER_UNKNOWN_ERROR with another text may mean anything.
      {1105, "last transaction was aborted due to", kRolledBack, kNo},
      // TiDB: a commit failed and was rolled back.
      {8022, "", kRolledBack, kNo},
      // ER_RUN_HOOK_ERROR: if the hook before the commit fails, the transaction is rolled back. If
      // another hook fails, nobody knows.
      {3100, "before_commit", kRolledBack, kNo},
      {3100, "", kUnknown, kNo},
      // ER_ERROR_DURING_COMMIT
      {1180, "", kUnknown, kNo},
      // ER_QUERY_INTERRUPTED: somebody ended the statement on purpose.
      {1317, "", kFailed, kNo},
  };
  return *rules;
}

}  // namespace failover::mysql::internal
