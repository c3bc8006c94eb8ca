// How the proxy logs in to a backend as its client.
#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "proxy/postgres/protocol/md5_password.h"
#include "proxy/postgres/protocol/scram.h"
#include "proxy/postgres/session/backend_connection.h"
#include "proxy/postgres/session/proxy_errors.h"

namespace postgres_proxy {
namespace {

using proxy::Task;

// The numbers of the requests that a backend makes in a login.
enum AuthenticationRequest : std::uint32_t {
  kOk = 0,
  kCleartext = 3,
  kMd5 = 5,
  kSasl = 10,
  kSaslContinue = 11,
  kSaslFinal = 12,
};

// A list of texts that ends with an empty one.
bool Offers(std::string_view mechanisms, std::string_view wanted) {
  BodyReader reader(mechanisms);
  while (true) {
    const std::string_view mechanism = reader.Text();
    if (!reader.ok() || mechanism.empty()) return false;
    if (mechanism == wanted) return true;
  }
}

std::uint32_t RequestOf(std::string_view body) {
  return body.size() < sizeof(std::uint32_t) ? ~std::uint32_t{0} : U32At(body);
}

}  // namespace

Task<absl::Status> BackendConnection::ReadAuthentication() {
  while (true) {
    const bool read = co_await ReadMessage();
    if (!read) co_return Failed("no answer to the login");
    if (type() == backend::kError) co_return RefusedInLogin();
    if (type() == backend::kAuthentication) co_return absl::OkStatus();
    if (type() != backend::kNotice && type() != backend::kNegotiateVersion) {
      co_return Failed("malformed answer to the login");
    }
  }
}

// A backend that asks for less than it could, for instance for nothing, gets no secret. So the
// proxy accepts that, as every client does.
Task<absl::Status> BackendConnection::Authenticate(BackendLogin& login) {
  absl::Status status = co_await ReadAuthentication();
  if (!status.ok()) co_return status;
  const std::uint32_t request = RequestOf(body());
  if (request == kOk) co_return absl::OkStatus();
  const std::string rest(body().substr(std::min(body().size(), sizeof request)));
  if (request == kSasl) {
    status = co_await AnswerScram(rest, login);
  } else if (request == kMd5) {
    status = co_await AnswerMd5(rest, login);
  } else if (request == kCleartext) {
    status = co_await AnswerCleartext(login);
  } else {
    co_return Unacceptable(absl::StrCat("the backend asks for authentication ", request,
                                        ", which the proxy does not know"));
  }
  if (!status.ok()) co_return status;
  status = co_await ReadAuthentication();
  if (!status.ok()) co_return status;
  co_return RequestOf(body()) == kOk ? absl::OkStatus() : Failed("malformed end of the login");
}

Task<absl::Status> BackendConnection::AnswerScram(std::string_view mechanisms,
                                                  BackendLogin& login) {
  const std::optional<std::string> nonce = NewNonce();
  if (!nonce.has_value() || !Offers(mechanisms, kScramMechanism)) {
    co_return Unacceptable("the backend does not offer SCRAM-SHA-256");
  }
  ScramClient scram(*nonce);
  const std::string first = scram.First();
  std::string answer;
  PutText(kScramMechanism, answer);
  PutU32(static_cast<std::uint32_t>(first.size()), answer);
  answer.append(first);
  bool sent = co_await SendMessage(frontend::kPassword, answer);
  if (!sent) co_return Failed("login");
  absl::Status status = co_await ReadAuthentication();
  if (!status.ok()) co_return status;
  if (RequestOf(body()) != kSaslContinue) co_return Failed("malformed SCRAM message");
  const auto challenge = scram.ReadFirst(body().substr(sizeof(std::uint32_t)));
  if (!challenge.has_value()) co_return Unacceptable("the SCRAM challenge makes no sense");
  const ScramKeys* const keys = login.credentials.KeysFor(challenge->salt, challenge->iterations);
  if (keys == nullptr) {
    co_return Refused("28000", absl::StrCat(address_,
                                            ": the SCRAM verifier of the user is not the one that "
                                            "the proxy has, or the proxy has only an md5 hash"));
  }
  const std::string final_message = scram.Final(*challenge, *keys);
  sent = co_await SendMessage(frontend::kPassword, final_message);
  if (!sent) co_return Failed("login");
  status = co_await ReadAuthentication();
  if (!status.ok()) co_return status;
  if (RequestOf(body()) != kSaslFinal || !scram.Proves(body().substr(sizeof(std::uint32_t)))) {
    co_return Unacceptable("the backend does not prove that it knows the user");
  }
  co_return absl::OkStatus();
}

Task<absl::Status> BackendConnection::AnswerMd5(std::string_view salt, BackendLogin& login) {
  const std::string answer = Md5Answer(login.credentials.Md5(), salt);
  if (answer.empty()) {
    co_return Refused("28000", absl::StrCat(address_,
                                            ": the backend asks for md5, and the proxy has neither "
                                            "the password of the user nor its md5 hash"));
  }
  std::string body;
  PutText(answer, body);
  const bool sent = co_await SendMessage(frontend::kPassword, body);
  co_return sent ? absl::OkStatus() : Failed("login");
}

Task<absl::Status> BackendConnection::AnswerCleartext(BackendLogin& login) {
  const bool allowed = login.may_send_cleartext && stream_.encrypted();
  if (!allowed || !login.credentials.password().has_value()) {
    co_return Refused("28000", absl::StrCat(address_,
                                            ": the backend asks for the password in clear text, "
                                            "which the proxy must not send or does not know"));
  }
  std::string body;
  PutText(*login.credentials.password(), body);
  const bool sent = co_await SendMessage(frontend::kPassword, body);
  co_return sent ? absl::OkStatus() : Failed("login");
}

}  // namespace postgres_proxy
