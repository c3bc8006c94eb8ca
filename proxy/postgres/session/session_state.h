// What a client has made of its session, and what another connection can be given of that.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_SESSION_STATE_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_SESSION_STATE_H_

#include <bitset>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/postgres/sql/statement_traits.h"

namespace postgres_proxy {

using Reported = std::map<std::string, std::string>;

// What a look into a session has found.
struct Leftovers {
  bool temporary = false;
  bool advisory_lock = false;
  bool listens = false;
  bool held_cursor = false;
};

// Used on its event loop only.
class SessionState {
 public:
  explicit SessionState(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // --- What the backend says ---

  // A new connection has reported these values at its login, and others once the session was
  // restored on it.
  void Connected(const Reported& at_login, const Reported& restored);
  void LearnParameter(std::string_view name, std::string_view value);
  // I, T or E, from ReadyForQuery.
  char status() const { return status_; }
  bool transaction_open() const { return status_ != 'I'; }
  // A statement with these traits has succeeded, with this tag.
  void Succeeded(const StatementTraits& traits, std::string_view tag);
  // The statement that runs has failed, and with it what belongs to the same transaction.
  void Failed() { failed_ = true; }
  void Ready(char status);
  // A statement was executed, as a whole or in part, whatever it answered.
  void Executed(const StatementTraits& traits);
  // The texts do not tell what the session has: a function may have left something, or what was
  // left may be gone.
  bool wants_look() const { return wants_look_; }
  // The session was looked into after all that was executed.
  void Looked(const Leftovers& found);

  // --- What a move means ---

  // The transaction, if there is one, is gone with its connection.
  void TransactionLost();
  // What would be lost with the connection, in words; empty: nothing.
  std::string Unmovables() const;
  bool Has(Unmovable what) const { return has_.test(static_cast<std::size_t>(what)); }
  bool HasUnmovable() const { return has_.any(); }
  // The client was told what was lost.
  void ForgetUnmovables() {
    has_.reset();
    wants_look_ = false;
  }
  // The statements that put a new connection into the state of the session; empty: none are needed.
  std::vector<std::string> RestoreStatements() const;
  // The statements that are needed besides, because a new connection reports other values.
  std::vector<std::string> RestoreReported(const Reported& reported) const;
  // The settings could not be restored.
  void ForgetSettings();

  // The client asked for transactions that do not write.
  bool read_only_requested() const;
  void RequestReadOnly() { read_only_transaction_ = true; }
  // How the texts of the client are to be read.
  TextRules text_rules() const;
  // What the client knows of the reported values.
  const Reported& reported() const { return reported_; }

 private:
  struct Setting {
    std::string key;
    std::string text;
    bool is_name = false;  // SessionChange::Kind::kRememberName
  };

  void Apply(const SessionChange& change);
  void Remember(const SessionChange& change, bool is_name);
  void Forget(std::string_view key, bool is_name);
  void AddPending(const SessionChange& change);
  void EndTransaction(bool committed);
  std::string ReportedValue(const std::string& name) const;
  void Set(Unmovable what, bool has) { has_.set(static_cast<std::size_t>(what), has); }

  const std::size_t max_bytes_;
  char status_ = 'I';
  bool failed_ = false;
  bool read_only_transaction_ = false;
  std::bitset<kUnmovables> has_;
  bool wants_look_ = false;
  std::vector<Setting> settings_;
  std::size_t bytes_ = 0;  // of settings_
  // What the open transaction has set; a COMMIT makes it last.
  std::vector<SessionChange> pending_;
  std::size_t pending_bytes_ = 0;
  bool pending_overflown_ = false;  // the transaction has set more than can be kept

  Reported at_login_;  // what the connection reported before the client changed anything
  Reported reported_;
  Reported at_rest_;  // reported_ when no transaction was open
  bool rest_changed_ = false;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_SESSION_STATE_H_
