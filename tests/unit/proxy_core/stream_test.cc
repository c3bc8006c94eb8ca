// Both ends of an encrypted connection, on one event loop that the test runs.
#include "proxy/core/stream.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/core/client_socket.h"
#include "support/certificates.h"
#include "support/child_process.h"
#include "support/patience.h"

namespace proxy {
namespace {

using failover::test::Authority;
using failover::test::Certificate;
using failover::test::CertificateOptions;
using failover::test::WriteTextFile;
using testing::HasSubstr;

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    WriteTextFile(Path("ca"), authority_.certificate());
    auto [client, server] = NewPair();
    client_.emplace(std::move(client));
    server_.emplace(std::move(server));
  }

  // Two ends of a new connection; the first is the client's.
  std::pair<Socket, Socket> NewPair() {
    asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    Socket client(io_.get_executor());
    Socket server(io_.get_executor());
    client.connect(acceptor.local_endpoint());
    acceptor.accept(server);
    return {std::move(client), std::move(server)};
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  TlsFiles Files(const std::string& ca, const Certificate& certificate) const {
    return {ca, WriteTextFile(Path("cert"), certificate.certificate),
            WriteTextFile(Path("key"), certificate.key)};
  }

  // What the server shows.
  TlsContext ServerContext(const Certificate& certificate, bool asks_for_certificate = false) {
    TlsOptions options;
    options.client_mode = ClientTlsMode::kRequired;
    options.client_files = Files(asks_for_certificate ? Path("ca") : "", certificate);
    return (*Tls::Load(options))->clients();
  }
  // What the client expects: a certificate of the authority for db.example.
  BackendTls Verifying(const std::string& name = "db.example") {
    TlsOptions options;
    options.backend_mode = BackendTlsMode::kVerify;
    options.backend_files.ca = Path("ca");
    options.backend_server_name = name;
    return (*Tls::Load(options))->ForBackend({"127.0.0.1", 1});
  }

  void Spawn(Task<> task) { asio::co_spawn(io_, std::move(task), asio::detached); }
  // Runs until all coroutines have ended.
  void Run() {
    io_.restart();
    io_.run_for(failover::test::kPatience);
    EXPECT_TRUE(io_.stopped()) << "a coroutine still waits";
  }
  Task<> Accept(TlsContext context) {
    accepted_ = co_await server_->AcceptTls(context);
    if (!accepted_.ok()) server_->Close();
  }
  Task<> Connect(BackendTls tls) {
    connected_ = co_await client_->ConnectTls(tls);
    if (!connected_.ok()) client_->Close();
  }
  void Handshake(const TlsContext& context, const BackendTls& tls) {
    Spawn(Accept(context));
    Spawn(Connect(tls));
    Run();
  }
  void Encrypt() {
    Handshake(ServerContext(authority_.Issue("server")), Verifying());
    ASSERT_TRUE(accepted_.ok()) << accepted_;
    ASSERT_TRUE(connected_.ok()) << connected_;
  }
  Task<> Send(Stream& stream, std::string bytes) {
    std::error_code error;
    written_ = co_await stream.Write(bytes, error);
  }
  // Reads until so many bytes have come, or nothing more comes.
  Task<> Receive(Stream& stream, std::size_t count) {
    char buffer[5000];
    while (received_.size() < count && !read_error_) {
      const std::size_t size = co_await stream.Read(asio::buffer(buffer), read_error_);
      received_.append(buffer, size);
    }
  }

  const failover::test::TemporaryFolder folder_;
  Authority authority_{"authority"};
  asio::io_context io_;
  std::optional<Stream> client_;
  std::optional<Stream> server_;
  absl::Status accepted_ = absl::UnknownError("no answer");
  absl::Status connected_ = absl::UnknownError("no answer");
  std::size_t written_ = 0;
  std::string received_;
  std::error_code read_error_;
};

TEST_F(StreamTest, APlainConnectionCarriesBytes) {
  const std::string bytes(3'000'000, 'x');
  Spawn(Send(*client_, bytes));
  Spawn(Receive(*server_, bytes.size()));
  Run();
  EXPECT_EQ(received_, bytes);
  EXPECT_EQ(written_, bytes.size());
  EXPECT_FALSE(server_->encrypted());
}

TEST_F(StreamTest, AnEncryptedConnectionCarriesBytesBothWays) {
  Encrypt();
  EXPECT_TRUE(client_->encrypted());
  std::string bytes;
  for (int i = 0; i < 3'000'000; ++i) bytes += static_cast<char>(i % 251);
  Spawn(Send(*client_, bytes));
  Spawn(Receive(*server_, bytes.size()));
  Run();
  EXPECT_EQ(written_, bytes.size());
  EXPECT_TRUE(received_ == bytes);
  received_.clear();
  Spawn(Send(*server_, bytes));
  Spawn(Receive(*client_, bytes.size()));
  Run();
  EXPECT_TRUE(received_ == bytes);
}

TEST_F(StreamTest, AnExpiredCertificateIsRefused) {
  CertificateOptions options;
  options.expired = true;
  Handshake(ServerContext(authority_.Issue("server", options)), Verifying());
  EXPECT_TRUE(absl::IsFailedPrecondition(connected_)) << connected_;
  EXPECT_THAT(connected_.ToString(), HasSubstr("expired"));
  EXPECT_FALSE(accepted_.ok());
}

TEST_F(StreamTest, ACertificateForAnotherHostIsRefused) {
  Handshake(ServerContext(authority_.Issue("server")), Verifying("db2.example"));
  EXPECT_TRUE(absl::IsFailedPrecondition(connected_)) << connected_;
  EXPECT_THAT(connected_.ToString(), HasSubstr("hostname mismatch"));
}

TEST_F(StreamTest, ACertificateMayBeForANumericAddress) {
  CertificateOptions options;
  options.names = "IP:127.0.0.1";
  Handshake(ServerContext(authority_.Issue("server", options)), Verifying("127.0.0.1"));
  EXPECT_TRUE(connected_.ok()) << connected_;
}

TEST_F(StreamTest, ACertificateForAnotherAddressIsRefused) {
  CertificateOptions options;
  options.names = "IP:127.0.0.2";
  Handshake(ServerContext(authority_.Issue("server", options)), Verifying("127.0.0.1"));
  EXPECT_TRUE(absl::IsFailedPrecondition(connected_)) << connected_;
  EXPECT_THAT(connected_.ToString(), HasSubstr("IP address mismatch"));
}

TEST_F(StreamTest, ACertificateOfAnotherAuthorityIsRefused) {
  Authority other("other");
  Handshake(ServerContext(other.Issue("server")), Verifying());
  EXPECT_TRUE(absl::IsFailedPrecondition(connected_)) << connected_;
  EXPECT_THAT(connected_.ToString(), HasSubstr("certificate is refused"));
}

TEST_F(StreamTest, WithoutVerificationAnyCertificateWillDo) {
  Authority other("other");
  TlsOptions options;
  options.backend_mode = BackendTlsMode::kRequired;
  Handshake(ServerContext(other.Issue("server")), (*Tls::Load(options))->ForBackend({}));
  EXPECT_TRUE(connected_.ok()) << connected_;
  EXPECT_TRUE(accepted_.ok()) << accepted_;
}

TEST_F(StreamTest, AClientMustShowACertificateIfTheServerWantsOne) {
  const TlsContext context = ServerContext(authority_.Issue("server"), true);
  Handshake(context, Verifying());
  EXPECT_TRUE(absl::IsFailedPrecondition(accepted_)) << accepted_;
  EXPECT_THAT(accepted_.ToString(), HasSubstr("did not return a certificate"));
}

TEST_F(StreamTest, AClientShowsItsCertificate) {
  const TlsContext context = ServerContext(authority_.Issue("server"), true);
  TlsOptions options;
  options.backend_mode = BackendTlsMode::kRequired;
  options.backend_files = Files("", authority_.Issue("client"));
  Handshake(context, (*Tls::Load(options))->ForBackend({}));
  EXPECT_TRUE(accepted_.ok()) << accepted_;
}

TEST_F(StreamTest, AClientWithACertificateOfAnotherAuthorityIsRefused) {
  const TlsContext context = ServerContext(authority_.Issue("server"), true);
  Authority other("other");
  TlsOptions options;
  options.backend_mode = BackendTlsMode::kRequired;
  options.backend_files = Files("", other.Issue("client"));
  Handshake(context, (*Tls::Load(options))->ForBackend({}));
  EXPECT_TRUE(absl::IsFailedPrecondition(accepted_)) << accepted_;
  EXPECT_THAT(accepted_.ToString(), HasSubstr("certificate is refused"));
}

TEST_F(StreamTest, Tls11IsRefused) {
  BackendTls old;
  old.context = TlsContext(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_cipher_list(old.context.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(old.context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old.context.get(), TLS1_1_VERSION);
  const TlsContext context = ServerContext(authority_.Issue("server"));
  // The level of security would refuse the version, too.
  SSL_CTX_set_security_level(context.get(), 0);
  Handshake(context, old);
  EXPECT_TRUE(absl::IsFailedPrecondition(accepted_)) << accepted_;
  EXPECT_THAT(accepted_.ToString(), HasSubstr("protocol"));
}

TEST_F(StreamTest, BytesThatAreNoTlsAreRefused) {
  Spawn(Send(*client_, std::string(500, 'x')));
  Spawn(Accept(ServerContext(authority_.Issue("server"))));
  Run();
  EXPECT_TRUE(absl::IsFailedPrecondition(accepted_)) << accepted_;
}

TEST_F(StreamTest, AConnectionThatIsLostInTheHandshakeIsNotARefusal) {
  client_->Close();
  Spawn(Accept(ServerContext(authority_.Issue("server"))));
  Run();
  EXPECT_TRUE(absl::IsUnavailable(accepted_)) << accepted_;
}

TEST_F(StreamTest, CloseEndsAHandshake) {
  Spawn(Accept(ServerContext(authority_.Issue("server"))));
  io_.poll();
  server_->Close();
  Run();
  EXPECT_TRUE(absl::IsUnavailable(accepted_)) << accepted_;
  EXPECT_THAT(accepted_.ToString(), HasSubstr("timed out"));
}

TEST_F(StreamTest, CloseEndsARead) {
  Encrypt();
  Spawn(Receive(*server_, 1));
  io_.restart();
  io_.poll();
  server_->Close();
  Run();
  EXPECT_EQ(read_error_, asio::error::operation_aborted);
}

TEST_F(StreamTest, CloseEndsAWrite) {
  Encrypt();
  const std::string bytes(30'000'000, 'x');  // more than the sockets take
  Spawn(Send(*client_, bytes));
  io_.restart();
  io_.poll();
  client_->Close();
  Run();
  EXPECT_LT(written_, bytes.size());
}

// When a socket is closed, its number may go to another connection at once.
TEST_F(StreamTest, AClosedConnectionTouchesNoOther) {
  Encrypt();
  const int number = server_->socket().native_handle();
  server_->Close();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "secret", 6), 6);
  ASSERT_EQ(dup2(ends[0], number), number);
  ASSERT_EQ(fcntl(number, F_SETFL, O_NONBLOCK), 0);
  Spawn(Receive(*server_, 1));
  Run();
  EXPECT_TRUE(read_error_);
  char byte;
  std::error_code error;
  EXPECT_EQ(server_->ReadNow(asio::buffer(&byte, 1), error), 0u);
  EXPECT_TRUE(error);
  EXPECT_TRUE(server_->HasNews());
  Spawn(Send(*server_, "more"));
  Run();
  EXPECT_EQ(written_, 0u);
  char rest[10];
  EXPECT_EQ(read(number, rest, sizeof rest), 6) << "nothing was taken";
  for (const int descriptor : {number, ends[0], ends[1]}) close(descriptor);
}

TEST_F(StreamTest, NewsAreBytesOrTheEnd) {
  for (const bool encrypted : {false, true}) {
    if (encrypted) Encrypt();
    EXPECT_FALSE(client_->HasNews()) << encrypted;
    Spawn(Send(*server_, "abc"));
    Run();
    EXPECT_TRUE(client_->HasNews()) << encrypted;
    received_.clear();
    Spawn(Receive(*client_, 3));
    Run();
    EXPECT_EQ(received_, "abc") << "a look takes nothing";
    EXPECT_FALSE(client_->HasNews()) << encrypted;
  }
  server_->Close();
  EXPECT_TRUE(client_->HasNews());
}

TEST_F(StreamTest, AMessageOfTlsIsNoNews) {
  // A server may send tickets for later connections at any time.
  const TlsContext context = ServerContext(authority_.Issue("server"));
  SSL_CTX_clear_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context.get(), 2);
  auto [client, server] = NewPair();
  client_.emplace(std::move(client));
  server_.emplace(std::move(server));
  Handshake(context, Verifying());
  ASSERT_TRUE(connected_.ok()) << connected_;
  EXPECT_GT(client_->socket().available(), 0u) << "the tickets have come";
  EXPECT_FALSE(client_->HasNews());
}

TEST_F(StreamTest, TheEndOfAnEncryptedConnectionIsSeen) {
  Encrypt();
  Spawn(Receive(*server_, 1));
  client_->Close();
  Run();
  EXPECT_EQ(read_error_, asio::error::eof);
}

// A watch of an encrypted client keeps what the client sends, and sees that the client leaves.
TEST_F(StreamTest, AWatchSeesThroughTls) {
  auto [client, server] = NewPair();
  client_.emplace(std::move(client));
  const auto socket = std::make_shared<ClientSocket>(std::move(server));
  const TlsContext context = ServerContext(authority_.Issue("server"));
  Spawn([](ClientSocket& to, const TlsContext& tls, absl::Status& status) -> Task<> {
    status = co_await to.AcceptTls(tls);
  }(*socket, context, accepted_));
  Spawn(Connect(Verifying()));
  Run();
  ASSERT_TRUE(accepted_.ok()) << accepted_;
  socket->Expand();
  int gone = 0;
  socket->Watch([&gone] { ++gone; });
  Spawn(Send(*client_, "abc"));
  Spawn(Send(*client_, "def"));
  io_.restart();
  while (socket->input().size() < 6 && io_.run_one_for(failover::test::kPatience) > 0) continue;
  EXPECT_EQ(socket->input(), "abcdef");
  EXPECT_EQ(gone, 0);
  client_->Close();
  Run();
  EXPECT_EQ(gone, 1);
}

TEST_F(StreamTest, ReceiveAtMostLeavesTheRestInTheConnection) {
  auto [client, server] = NewPair();
  const auto socket = std::make_shared<ClientSocket>(std::move(server));
  client.write_some(asio::buffer("abcdef", 6));
  const auto receive = [](ClientSocket& from, std::size_t count, bool& received) -> Task<> {
    received = co_await from.ReceiveAtMost(count);
  };
  bool received = false;
  Spawn(receive(*socket, 2, received));
  Run();
  EXPECT_TRUE(received);
  EXPECT_EQ(socket->input(), "ab");
  const TlsContext context = ServerContext(authority_.Issue("server"));
  Spawn([](ClientSocket& to, const TlsContext& tls, absl::Status& status) -> Task<> {
    status = co_await to.AcceptTls(tls);
  }(*socket, context, accepted_));
  Run();
  EXPECT_TRUE(absl::IsFailedPrecondition(accepted_)) << "bytes are left from before TLS";
  socket->input() = {};
  Spawn(receive(*socket, 100, received));
  Run();
  EXPECT_EQ(socket->input(), "cdef");
}

}  // namespace
}  // namespace proxy
