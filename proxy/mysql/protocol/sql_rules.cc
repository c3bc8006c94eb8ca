#include "proxy/mysql/protocol/sql_rules.h"

namespace mysql_proxy {
namespace {

using namespace sign;  // NOLINT(google-build-using-namespace): the tables are made of these names.

// How a text starts. A text may hold several statements unless one of these rules knows its first
// word: calls, blocks and EXECUTE are missing here for that reason.
std::vector<WordRule> StartRules() {
  return {
      // --- First words that belong to one statement and no more. --------------------------------
      {{"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES", "TABLE", "LOAD"},
       Where::kStart,
       kOneStatement,
       "The text is one statement that reads or changes rows."},
      {{"SHOW", "HELP"},
       Where::kStart,
       kOneStatement,
       "The text is one statement that only tells something."},
      {{"EXPLAIN", "DESCRIBE", "DESC", "ANALYZE"},
       Where::kStart,
       kOneStatement,
       "The text explains one statement about rows, which ANALYZE also executes; or is about "
       "tables."},
      {{"START", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA"},
       Where::kStart,
       kOneStatement,
       "The text is one statement about the transaction. BEGIN NOT has a rule of its own."},
      {{"USE", "SET", "DO"},
       Where::kStart,
       kOneStatement,
       "The text sets something, or computes something. SET STATEMENT has a rule of its own."},
      {{"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME"},
       Where::kStart,
       kOneStatement,
       "The text changes one definition. The server executes no body of a procedure now."},
      {{"GRANT", "REVOKE"}, Where::kStart, kOneStatement, "The text changes privileges."},
      {{"LOCK", "UNLOCK", "HANDLER"},
       Where::kStart,
       kOneStatement,
       "The text is one statement about tables."},
      {{"CHECK", "OPTIMIZE", "REPAIR", "FLUSH", "KILL"},
       Where::kStart,
       kOneStatement,
       "The text is one statement of administration."},
      {{"PREPARE", "DEALLOCATE"},
       Where::kStart,
       kOneStatement,
       "The statement gives a name to a text, or forgets the name. The server does not execute the "
       "text."},

      // --- First words that are one statement, but for what follows. ----------------------------
      {{"SET STATEMENT"},
       Where::kStart,
       kCompound,
       "The server executes the statement behind FOR, which may be a call."},
      {{"BEGIN NOT"}, Where::kStart, kCompound, "BEGIN NOT ATOMIC begins a block of statements."},

      // --- What the Buffer may conclude from the end of a statement. ----------------------------
      {{"INSERT", "UPDATE", "DELETE", "REPLACE"},
       Where::kCertainStart,
       kWritesFirst,
       "Only a server that takes writes executes the statement, whatever rows there are."},
      {{"COMMIT", "XA"},
       Where::kStart,
       kCommits,
       "A commit is never repeated. The proxy does not know the phases of XA transactions."},

      {{"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "GRANT", "REVOKE", "LOCK", "UNLOCK",
        "CHECK", "OPTIMIZE", "REPAIR", "ANALYZE", "FLUSH", "LOAD", "SET", "START", "BEGIN"},
       Where::kStart,
       kEndsTransaction,
       "The server may commit the open transaction before it finds an error in the statement."},

      // --- What a planned switchover must know before the statement runs. -----------------------
      {{"START", "BEGIN", "XA"},
       Where::kStart,
       kBeginsTransaction,
       "The statement may begin a transaction, also if autocommit is on."},
      {{"LOCK"},
       Where::kStart,
       kBeginsTransaction,
       "Locked tables count as a transaction, because they are lost with their connection, too."},

      {{"BACKUP"},
       Where::kStart,
       kUsesConnectionState,
       "A stage or a lock of a backup belongs to one connection, and no tracking reports either."},
      {{"FLUSH"}, Where::kStart, kFlushes, "LOCK or EXPORT behind FLUSH locks tables."},
      {{"XA PREPARE"},
       Where::kStart,
       kXaPrepares,
       "A prepared transaction outlives its connection."},
      {{"XA COMMIT", "XA ROLLBACK"},
       Where::kStart,
       kXaEnds,
       "Any connection may end a prepared transaction whose own connection is lost."},
      {{"CALL"},
       Where::kCertainStart,
       kCalls,
       "The last result of a CALL is an OK, which follows all results with rows."},

      // --- What a text that starts so does. -----------------------------------------------------
      {{"HANDLER"},
       Where::kStart,
       kUsesConnectionState,
       "A handler is open on one connection, and no session tracking reports the handler."},
      {{"SHOW WARNINGS", "SHOW ERRORS", "SHOW COUNT"},
       Where::kCertainStart,
       kReadsLastResult,
       "SHOW shows, or counts, the messages of the statement before."},
      {{"GET DIAGNOSTICS", "GET CURRENT"},
       Where::kCertainStart,
       kReadsLastResult,
       "GET reads the messages of the statement before."},
      {{"SET"}, Where::kStart, kSetsFirst, "NAMES and COLLATE behind SET change the session."},
      {{"SET NAMES"},
       Where::kStart,
       kSetsNamesFirst,
       "SET NAMES sets the character set and, with COLLATE, the collation."},
  };
}

std::vector<WordRule> WordRules() {
  return {
      // --- What belongs to one connection, and what asks about earlier statements. --------------
      {{"GET_LOCK"},
       Where::kName,
       kUsesConnectionState,
       "A user lock belongs to one connection, and no session tracking reports the lock."},
      {{"SESSION_TRACK_"},
       Where::kNameBegin,
       kUsesConnectionState,
       "With tracking off the proxy learns of no change any more."},
      {{"LAST_INSERT_ID"},
       Where::kName,
       kReadsInsertId,
       "The function and the system variable of this name give the last insert id."},
      {{"IDENTITY"},
       Where::kSystemVariable,
       kReadsInsertId,
       "@@identity is @@last_insert_id. As a column, the name says nothing."},
      {{"LASTVAL"},
       Where::kName,
       kReadsSequence,
       "The function gives the last value that this connection got from a sequence."},
      {{"PREVIOUS VALUE"},
       Where::kWord,
       kReadsSequence,
       "PREVIOUS VALUE FOR is another name of LASTVAL."},
      {{"LAST_GTID"},
       Where::kSystemVariable,
       kReadsGtid,
       "The variable has the GTID of the last write of this connection."},
      {{"AND CHAIN"},
       Where::kWord,
       kBeginsTransaction,
       "Behind COMMIT and ROLLBACK the words begin another transaction."},
      {{"LOCK", "EXPORT"}, Where::kWord, kLocks, "In a FLUSH the word locks tables."},
      {{"FOUND_ROWS", "ROW_COUNT"},
       Where::kName,
       kReadsLastResult,
       "The function counts rows of the statement before."},
      {{"WARNING_COUNT", "ERROR_COUNT"},
       Where::kSystemVariable,
       kReadsLastResult,
       "The variable counts messages of the statement before."},
      {{"WARNINGS", "ERRORS", "DIAGNOSTICS"},
       Where::kWordInDoubt,
       kReadsLastResult,
       "SHOW or GET may stand before, because nobody knows in doubt which words the server sees."},
      {{"HANDLER"},
       Where::kWord,
       kHandler,
       "HANDLER may open a handler, unless the text is one statement of another kind."},

      // --- Statements that may hold other statements. -------------------------------------------
      {{"STATEMENT", "ATOMIC"},
       Where::kWordInDoubt,
       kSeveral,
       "Text between SET and STATEMENT, or between BEGIN, NOT and ATOMIC, may be none for a "
       "server."},
      {{"SET STATEMENT"},
       Where::kWord,
       kSetStatement,
       "SET STATEMENT changes variables for the time of one statement."},
      {{"STATEMENT"},
       Where::kWordInDoubt,
       kSetStatement,
       "Text between SET and STATEMENT may be none for a server."},
      {{"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES"},
       Where::kBehindFor,
       kForRows,
       "Behind SET STATEMENT ... FOR, a statement about rows changes nothing in the session."},

      // --- The collation of the session. --------------------------------------------------------
      {{"NAMES"}, Where::kWord, kNames, "NAMES in a SET sets the character set."},
      {{"COLLATE"}, Where::kWord, kCollate, "COLLATE behind NAMES sets the collation, too."},
  };
}

std::vector<TraitRule> TraitRules() {
  return {
      // --- The text may hold several statements. ------------------------------------------------
      {kSeveral, 0, kCompound, "Something follows the end of a statement, or may follow."},
      {kHasWord, kOneStatement, kCompound, "No rule knows the first word as one statement's."},
      {kOddStart, 0, kCompound, "No known statement starts without a word. \"(\" opens a SELECT."},

      // --- The text uses what belongs to one connection. ----------------------------------------
      {kUserVariable, 0, kUsesConnectionState,
       "A user variable belongs to one connection, and no session tracking reports its value."},
      {kHandler | kCompound, 0, kUsesConnectionState, "One of the statements may open a handler."},

      {kFlushes | kLocks, 0, kUsesConnectionState,
       "FLUSH TABLES WITH READ LOCK or FOR EXPORT locks, and no tracking reports the lock."},

      // --- SET STATEMENT ... FOR ... ------------------------------------------------------------
      {kSetStatement | kCompound, 0, kHasTemporaryVariables,
       "The server reports variables with values that end with the statement behind FOR."},
      {kHasTemporaryVariables | kSeveral, 0, kUsesConnectionState,
       "Another statement may change a variable for good. Reports do not tell which change lasts."},
      {kHasTemporaryVariables, kForRows, kUsesConnectionState,
       "The statement behind FOR may change a variable for good. Reports do not tell which change "
       "lasts."},

      // --- What the Buffer may conclude. --------------------------------------------------------
      {kWritesFirst, kCompound, kWrites, "The text is this one statement."},

      // --- NAMES ... COLLATE ... ----------------------------------------------------------------
      {kSetsNamesFirst | kCollate, kComma | kCompound | kInDoubt, kSetsNamesWithCollation,
       "The text is this SET NAMES and nothing else, so the text itself restores the collation."},
      {kSetsFirst | kNames | kCollate, kSetsNamesWithCollation, kUsesConnectionState,
       "The collation is not reported, and no statement sets the collation alone again."},
      {kCompound | kNames | kCollate, 0, kUsesConnectionState,
       "One of the statements may set the collation, which is not reported."},
  };
}

}  // namespace

const SqlRules& DefaultSqlRules() {
  static const auto* const rules = new SqlRules{StartRules(), WordRules(), TraitRules()};
  return *rules;
}

}  // namespace mysql_proxy
