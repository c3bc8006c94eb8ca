#include "proxy/postgres/session/client_login.h"

#include <memory>
#include <optional>

#include "proxy/postgres/protocol/md5_password.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/scram.h"

namespace postgres_proxy {
namespace {

using proxy::Task;

// The numbers of the requests that a server makes in a login.
constexpr std::uint32_t kOk = 0;
constexpr std::uint32_t kMd5 = 5;
constexpr std::uint32_t kSasl = 10;
constexpr std::uint32_t kSaslContinue = 11;
constexpr std::uint32_t kSaslFinal = 12;

constexpr std::size_t kSaltSize = 4;

std::string AuthenticationRequest(std::uint32_t number, std::string_view rest) {
  std::string body;
  PutU32(number, body);
  body.append(rest);
  std::string message;
  PutMessage(backend::kAuthentication, body, message);
  return message;
}

// The client's first SCRAM message out of a SASLInitialResponse. nullopt: the client wants another
// mechanism, or the message makes no sense.
std::optional<std::string_view> InitialResponse(std::string_view body) {
  BodyReader reader(body);
  const std::string_view mechanism = reader.Text();
  const std::uint32_t length = reader.U32();
  if (!reader.ok() || mechanism != kScramMechanism || length != reader.Rest().size()) {
    return std::nullopt;
  }
  return reader.Rest();
}

Task<LoginEnd> Scram(const Users& users, const User* user, ClientConnection& client,
                     Credentials& credentials) {
  const std::optional<std::string> nonce = NewNonce();
  if (!nonce.has_value()) co_return LoginEnd::kGone;
  const bool known = user != nullptr && user->verifier.has_value();
  ScramServer scram(known ? *user->verifier : users.FakeVerifier(credentials.user()), *nonce,
                    known);
  std::string mechanisms;
  PutText(kScramMechanism, mechanisms);
  PutText({}, mechanisms);
  std::string message = AuthenticationRequest(kSasl, mechanisms);
  std::string body;
  bool done = co_await client.Write(message);
  if (done) done = co_await client.ReadPassword(body);
  if (!done) co_return LoginEnd::kGone;
  const std::optional<std::string_view> first = InitialResponse(body);
  if (!first.has_value()) co_return LoginEnd::kRefused;
  const std::optional<std::string> challenge = scram.First(*first);
  if (!challenge.has_value()) co_return LoginEnd::kRefused;
  message = AuthenticationRequest(kSaslContinue, *challenge);
  done = co_await client.Write(message);
  if (done) done = co_await client.ReadPassword(body);
  if (!done) co_return LoginEnd::kGone;
  const std::optional<std::string> proof = scram.Last(body);
  if (!proof.has_value()) co_return LoginEnd::kRefused;
  credentials.SetKeys(scram.client_keys());
  message = AuthenticationRequest(kSaslFinal, *proof);
  done = co_await client.Write(message);
  co_return done ? LoginEnd::kProved : LoginEnd::kGone;
}

Task<LoginEnd> Md5(const User& user, ClientConnection& client) {
  const std::optional<std::string> salt = RandomBytes(kSaltSize);
  if (!salt.has_value()) co_return LoginEnd::kGone;
  const std::string message = AuthenticationRequest(kMd5, *salt);
  std::string body;
  bool done = co_await client.Write(message);
  if (done) done = co_await client.ReadPassword(body);
  if (!done) co_return LoginEnd::kGone;
  std::string expected = Md5Answer(user.md5_hash, *salt);
  if (expected.empty()) co_return LoginEnd::kRefused;
  expected.push_back('\0');
  co_return SameText(body, expected) ? LoginEnd::kProved : LoginEnd::kRefused;
}

}  // namespace

Task<LoginEnd> AuthenticateClient(const PostgresContext& context, ClientConnection& client,
                                  Credentials& credentials) {
  const std::shared_ptr<const Users> users = context.users.Get();
  const User* const user = users->Equip(credentials);
  if (context.postgres.client_authentication == ClientAuthentication::kTrust) {
    co_return user != nullptr ? LoginEnd::kProved : LoginEnd::kRefused;
  }
  if (user != nullptr && !user->md5_hash.empty()) co_return co_await Md5(*user, client);
  co_return co_await Scram(*users, user, client, credentials);
}

void PutAuthenticationOk(std::string& out) { out.append(AuthenticationRequest(kOk, {})); }

}  // namespace postgres_proxy
