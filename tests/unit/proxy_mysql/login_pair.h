// The two ends of a connection, for tests of logins: one end has a script, the other is under test.
// Everything runs on one event loop that the test runs.
#ifndef FAILOVER_TESTS_UNIT_PROXY_MYSQL_LOGIN_PAIR_H_
#define FAILOVER_TESTS_UNIT_PROXY_MYSQL_LOGIN_PAIR_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <csignal>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/core/stream.h"
#include "proxy/core/tls.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/protocol/native_password.h"
#include "proxy/mysql/protocol/packet_assembler.h"
#include "support/certificates.h"
#include "support/child_process.h"
#include "support/patience.h"

namespace mysql_proxy {

// The script's end. The script reads and writes whole packets, or bytes.
class ScriptEnd {
 public:
  explicit ScriptEnd(proxy::Socket socket) : stream_(std::move(socket)) {}

  proxy::Stream& stream() { return stream_; }

  proxy::Task<> Write(const std::string& bytes) {
    std::error_code error;
    co_await stream_.Write(bytes, error);
  }
  // The next packet; empty: the other end has closed. What follows the packet is not read.
  proxy::Task<std::string> Read(std::uint8_t sequence) {
    PacketAssembler assembler(1 << 20);
    assembler.Start(sequence);
    std::string_view input;
    char bytes[1000];
    while (assembler.Feed(input) == PacketAssembler::State::kNeedsMore) {
      std::error_code error;
      const std::size_t wanted = std::min(assembler.wanted(), sizeof bytes);
      const std::size_t count = co_await stream_.Read(asio::buffer(bytes, wanted), error);
      if (error) co_return std::string();
      input = {bytes, count};
    }
    co_return std::move(assembler.packet());
  }

 private:
  proxy::Stream stream_;
};

class LoginPairTest : public testing::Test {
 protected:
  LoginPairTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    failover::test::WriteTextFile(Path("ca"), authority_.certificate());
    const failover::test::Certificate certificate = authority_.Issue("server");
    failover::test::WriteTextFile(Path("cert"), certificate.certificate);
    failover::test::WriteTextFile(Path("key"), certificate.key);
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  // For the side that shows a certificate for db.example.
  std::unique_ptr<proxy::Tls> ServerTls(proxy::ClientTlsMode mode) const {
    proxy::TlsOptions options;
    options.client_mode = mode;
    options.client_files = {"", Path("cert"), Path("key")};
    return *proxy::Tls::Load(options);
  }
  // For the side that checks the certificate, if the mode is kVerify.
  proxy::BackendTls ClientTls(proxy::BackendTlsMode mode,
                              const std::string& name = "db.example") const {
    proxy::TlsOptions options;
    options.backend_mode = mode;
    if (mode == proxy::BackendTlsMode::kVerify) {
      options.backend_files.ca = Path("ca");
      options.backend_server_name = name;
    }
    return (*proxy::Tls::Load(options))->ForBackend({"127.0.0.1", 1});
  }

  void Spawn(proxy::Task<> task) {
    asio::co_spawn(io_, std::move(task), [](const std::exception_ptr& thrown) {
      EXPECT_EQ(thrown, nullptr) << "a coroutine threw";
    });
  }
  // Runs until all coroutines have ended.
  void Run() {
    io_.restart();
    io_.run_for(failover::test::kPatience);
    EXPECT_TRUE(io_.stopped()) << "a coroutine still waits";
  }

  static Greeting ServerGreeting(bool offers_tls) {
    Greeting greeting;
    greeting.server_version = "10.11.0-scripted";
    greeting.scramble = "abcdefghijklmnopqrst";
    greeting.capabilities = capability::kProtocol41 | capability::kSecureConnection |
                            capability::kPluginAuth | capability::kSessionTrack |
                            capability::kDeprecateEof | capability::kTransactions |
                            (offers_tls ? capability::kTls : 0);
    greeting.auth_plugin = kNativePassword;
    return greeting;
  }

  const failover::test::TemporaryFolder folder_;
  failover::test::Authority authority_{"authority"};
  asio::io_context io_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_UNIT_PROXY_MYSQL_LOGIN_PAIR_H_
