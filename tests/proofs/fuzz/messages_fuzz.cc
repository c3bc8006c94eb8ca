// Feeds the code of the PostgreSQL proxy the bytes of a hostile server or client. Bytes that arrive
// in pieces must be read like bytes that arrive at once. What was written must read as it was
// written. Nobody logs in with a login that was tampered with. A text is never judged more boldly
// without the grammar of PostgreSQL than with it, and what the proxy keeps of a session has a
// limit.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz_input.h"
#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/protocol/md5_password.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/scram.h"
#include "proxy/postgres/protocol/startup.h"
#include "proxy/postgres/session/prepared_statements.h"
#include "proxy/postgres/session/request.h"
#include "proxy/postgres/session/session_state.h"
#include "proxy/postgres/sql/parse_tree.h"
#include "proxy/postgres/sql/statement_traits.h"

namespace postgres_proxy {
namespace {

using failover::fuzz::FuzzInput;
using failover::fuzz::Require;
using failover::postgres::Source;
using failover::postgres::StatementKind;

// ---- Messages.

struct Cut {
  std::vector<std::string> messages;
  std::string unfinished;
  bool malformed = false;
};

Cut CutInPieces(std::string_view wire, std::size_t piece) {
  using State = MessageCutter::State;
  Cut cut;
  MessageCutter cutter;
  while (!wire.empty() && !cut.malformed) {
    std::string_view part = wire.substr(0, piece);
    wire.remove_prefix(part.size());
    while (!part.empty() && !cut.malformed) {
      const std::size_t before = part.size() + cut.unfinished.size();
      const State state = cutter.Feed(part, cut.unfinished);
      Require(part.size() + cut.unfinished.size() == before, "no byte is lost or made up");
      Require(cutter.inside() == (state != State::kComplete), "a message is over or it is not");
      cut.malformed = state == State::kMalformed;
      if (state != State::kComplete) continue;
      Require(cutter.body_size() + kHeaderSize == cut.unfinished.size(),
              "a message has the length that its header names");
      cut.messages.push_back(std::exchange(cut.unfinished, {}));
    }
  }
  return cut;
}

Cut CheckCutter(std::string_view wire, std::size_t piece) {
  Cut slow = CutInPieces(wire, 1);
  for (const std::size_t length : {piece, std::max<std::size_t>(wire.size(), 1)}) {
    const Cut fast = CutInPieces(wire, length);
    Require(fast.messages == slow.messages && fast.unfinished == slow.unfinished &&
                fast.malformed == slow.malformed,
            "messages are the same in whatever pieces they come");
  }
  for (const std::string& message : slow.messages) {
    std::string again;
    PutMessage(message[0], std::string_view(message).substr(kHeaderSize), again);
    Require(again == message, "a message that is written is the message that was read");
  }
  return slow;
}

void CheckStartup(const std::string& packet) {
  const Startup startup = ParseStartup(packet);
  switch (startup.kind) {
    case Startup::Kind::kTls:
      return Require(BuildTlsRequest() == packet, "a request for TLS reads as it was written");
    case Startup::Kind::kCancel:
      return Require(BuildCancel(startup.cancel) == packet, "a key reads as it was written");
    case Startup::Kind::kSession: {
      const std::string built = BuildStartup(startup.parameters);
      Require(built.size() <= packet.size(), "memory grows with the bytes that have come");
      const Startup again = ParseStartup(built);
      Require(again.kind == Startup::Kind::kSession && again.parameters == startup.parameters &&
                  again.repeated == startup.repeated,
              "parameters read as they were written");
      std::string answer;
      PutNegotiateVersion(startup.protocol_options, answer);
      Require(CheckCutter(answer, 1).messages.size() == 1, "the answer is one message");
      return;
    }
    case Startup::Kind::kMalformed:
    case Startup::Kind::kGssapi:
    case Startup::Kind::kOldProtocol:
      return;
  }
}

void CheckErrors(const std::string& body) {
  for (const Source source : {Source::kErrorResponse, Source::kNoticeResponse}) {
    Require(ParseError(source, body).source == source, "an error is told from a notice");
  }
  ProxyError error;
  error.sqlstate = body.substr(0, 5);
  error.text = body;
  for (std::string* const text : {&error.sqlstate, &error.text}) {
    text->erase(std::remove(text->begin(), text->end(), '\0'), text->end());
  }
  std::string message;
  PutError(error, message);
  const auto again =
      ParseError(Source::kErrorResponse, std::string_view(message).substr(kHeaderSize));
  Require(again.sqlstate == error.sqlstate && again.text == error.text,
          "an error reads as it was written");
}

// ---- Logins.

// So few iterations that the fuzzer has time for others.
const ScramKeys& KeysOfThePassword() {
  static const ScramKeys keys = *DeriveKeys("secret", "salt of a user", 1);
  return keys;
}

// The four messages of a login. One of them may be another than it was sent as.
void CheckScram(FuzzInput& input) {
  const std::size_t changed = input.Below(5);
  const bool known = input.Bool();
  const std::string replacement = input.Rest();
  bool differs = false;
  const auto pass = [&](std::size_t number, std::string message) {
    if (number != changed) return message;
    differs = message != replacement;
    return replacement;
  };
  ScramClient client("nonce of the client");
  ScramServer server(VerifierOf(KeysOfThePassword()), "nonce of the server", known);
  const std::optional<std::string> server_first = server.First(pass(1, client.First()));
  if (!server_first.has_value()) return Require(differs, "a good first message is taken");
  const auto challenge = client.ReadFirst(pass(2, *server_first));
  if (!challenge.has_value()) return Require(differs, "a good challenge is taken");
  const std::string answer = client.Final(*challenge, KeysOfThePassword());
  const std::optional<std::string> server_last = server.Last(pass(3, answer));
  if (!server_last.has_value()) {
    return Require(differs || !known, "who knows the password comes in");
  }
  Require(known && !differs, "nobody comes in with a login that was tampered with");
  Require(server.client_keys().client_key == KeysOfThePassword().client_key,
          "the proxy learns the key that it needs for the backend");
  const bool proven = client.Proves(pass(4, *server_last));
  Require(proven == !differs, "a server is believed if it has the verifier, and only then");
}

void CheckPasswords(const std::string& text) {
  const std::optional<ScramVerifier> verifier = ParseVerifier(text);
  Require(!verifier.has_value() || (verifier->iterations > 0 && !verifier->salt.empty()),
          "a verifier can be used");
  const std::string answer = Md5Answer(text, "salt");
  Require(answer.empty() != IsMd5Hash(text), "only a hash of MD5 gives an answer");
}

// ---- What a client wants.

void CheckRequest(std::string_view wire, std::size_t piece, TextRules rules) {
  const PreparedStatements statements(/*max_bytes=*/10000);
  Request request(statements, rules);
  for (const std::string& message : CheckCutter(wire, piece).messages) {
    const std::string_view body = std::string_view(message).substr(kHeaderSize);
    if (!request.Add(message[0], body)) return;
    const bool is_whole = request.closed() && !request.flushed();
    Require(is_whole || request.is_prelude() || request.kind() == StatementKind::kMayCommitInside,
            "what is not known yet, or was answered in part, may do anything");
    Require(!request.is_prelude() || request.statements().empty(),
            "only a request that executes nothing ends with a Flush");
    if (!request.closed()) continue;
    const std::size_t steps = request.steps().size();
    request.ForgetSteps(steps / 2);
    Require(request.steps().size() == steps - steps / 2, "the steps that were answered are gone");
    // What comes behind belongs to the same request, as behind a Sync that a COPY has swallowed.
    request.Reopen();
  }
}

// ---- What a session is made of.

void Execute(SessionState& state, const StatementTraits& traits, bool succeeds, char status) {
  state.Executed(traits);
  if (succeeds) {
    const bool commits = traits.control == Control::kCommit;
    const bool rolls_back = traits.control == Control::kRollback;
    state.Succeeded(traits, commits ? "COMMIT" : rolls_back ? "ROLLBACK" : "SET");
  } else {
    state.Failed();
  }
  state.Ready(status);
}

void CheckSession(FuzzInput& input) {
  constexpr std::size_t kMaxBytes = 200;
  SessionState state(kMaxBytes);
  for (int statements = 0; statements < 20; ++statements) {
    const bool succeeds = input.Bool();
    const char status = "ITE"[input.Below(3)];
    const std::string text = input.Line();
    if (text.empty()) break;
    for (const StatementTraits& traits : JudgeText(text, state.text_rules())) {
      Execute(state, traits, succeeds, status);
    }
  }
  std::size_t bytes = 0;
  for (const std::string& statement : state.RestoreStatements()) {
    bytes += statement.size();
    const std::vector<StatementTraits> traits = JudgeText(statement, {});
    Require(traits.size() == 1 && traits.front().control == Control::kNone &&
                traits.front().kind == StatementKind::kSingle,
            "a session is restored by plain statements, one at a time", statement);
    Require(std::none_of(traits.front().changes.begin(), traits.front().changes.end(),
                         [](const SessionChange& change) {
                           return change.kind == SessionChange::Kind::kHas;
                         }),
            "what restores a session can be moved itself", statement);
  }
  Require(bytes <= kMaxBytes, "what is kept of a session has a limit");
  state.TransactionLost();
  Require(!state.transaction_open(), "a transaction is gone with its connection");
  Execute(state, JudgeText("DISCARD ALL", {}).front(), true, 'I');
  Require(state.RestoreStatements().empty() && !state.HasUnmovable(),
          "a session that was discarded is as new");
}

bool MayHaveLeftAnything(const StatementTraits& traits) {
  return std::any_of(traits.changes.begin(), traits.changes.end(), [](const SessionChange& change) {
    return change.kind == SessionChange::Kind::kHas && change.what == Unmovable::kUnjudged;
  });
}

// Texts that need no grammar must be as harmless as the grammar says.
void CheckText(const std::string& text) {
  const std::vector<StatementTraits> without = JudgeText(text, {/*grammar_fits=*/false});
  Require(without.size() == 1, "a text that is not looked into counts as one statement");
  const StatementTraits& plain = without.front();
  const std::optional<std::vector<StatementTraits>> judged = JudgeByGrammar(text);
  if (!judged.has_value() || plain.kind != StatementKind::kSingle) return;
  Require(judged->size() == 1, "a plain text is one statement", text);
  const StatementTraits& real = judged->front();
  // A tree that is too deep to be looked at may be anything.
  if (MayHaveLeftAnything(real)) return;
  Require(real.kind == StatementKind::kSingle && real.control == Control::kNone &&
              real.changes.empty() && !real.read_only_requested,
          "a plain text leaves nothing behind", text);
  Require(real.writes || !plain.writes, "a text that certainly writes does write", text);
}

void Run(FuzzInput input) {
  switch (input.Below(7)) {
    case 0:
      return CheckStartup(input.Rest());
    case 1:
      return CheckErrors(input.Rest());
    case 2:
      return CheckScram(input);
    case 3:
      return CheckPasswords(input.Rest());
    case 4: {
      const TextRules rules{input.Bool()};
      const std::size_t piece = 1 + input.Byte();
      return CheckRequest(input.Rest(), piece, rules);
    }
    case 5:
      return CheckSession(input);
    default:
      return CheckText(input.Rest());
  }
}

}  // namespace
}  // namespace postgres_proxy

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  postgres_proxy::Run(failover::fuzz::FuzzInput(data, size));
  return 0;
}
