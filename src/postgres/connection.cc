#include "postgres/connection.h"

#include <cstddef>
#include <string>
#include <vector>

namespace failover::postgres::internal {
namespace {

// libpq takes a certificate from the home folder, and a password from the environment, if it is
// given none. No file has this name, and no account this password.
constexpr char kNoFile[] = "/dev/null/none";
constexpr char kNoPassword[] = "no password was given to the monitor";

class Parameters {
 public:
  void Add(const char* keyword, std::string value) {
    keywords_.push_back(keyword);
    values_.push_back(std::move(value));
  }

  PGconn* Start() const {
    std::vector<const char*> keywords = keywords_;
    std::vector<const char*> values;
    for (const std::string& value : values_) values.push_back(value.c_str());
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    return PQconnectStartParams(keywords.data(), values.data(), 0);
  }

 private:
  std::vector<const char*> keywords_;
  std::vector<std::string> values_;
};

const char* NameOf(TlsMode mode) {
  switch (mode) {
    case TlsMode::kOff:
      return "disable";
    case TlsMode::kRequired:
      return "require";
    case TlsMode::kVerify:
      return "verify-full";
  }
  return "verify-full";
}

// libpq makes the path of a socket from a folder and the number of a port.
void AddSocket(const std::string& path, Parameters& parameters) {
  const std::size_t name = path.rfind('/');
  parameters.Add("host", path.substr(0, name));
  parameters.Add("port", path.substr(path.rfind('.') + 1));
}

void AddAddress(const MonitoredServer& server, const std::string& address, Parameters& parameters) {
  const bool other_name = !server.tls.server_name.empty();
  parameters.Add("host", other_name ? server.tls.server_name : server.host);
  parameters.Add("hostaddr", address);
  parameters.Add("port", std::to_string(server.port));
}

void AddTls(const MonitoredServer& server, Parameters& parameters) {
  const ServerTls& tls = server.tls;
  const auto file = [](const std::string& path) { return path.empty() ? kNoFile : path; };
  parameters.Add("sslmode", NameOf(tls.mode));
  parameters.Add("sslrootcert", file(tls.ca_file));
  parameters.Add("sslcert", file(tls.certificate_file));
  parameters.Add("sslkey", file(tls.key_file));
  // TLS does not verify the server in this mode. So the server must prove with SCRAM that it knows
  // the password, and that nobody sits in between.
  const bool unverified = tls.mode == TlsMode::kRequired && !server.password.empty();
  parameters.Add("channel_binding", unverified ? "require" : "prefer");
}

void IgnoreNotice(void*, const PGresult*) {}

}  // namespace

Connection BeginToConnect(const MonitoredServer& server, const std::string& address) {
  Parameters parameters;
  if (server.unix_socket.empty()) {
    AddAddress(server, address, parameters);
  } else {
    AddSocket(server.unix_socket, parameters);
  }
  AddTls(server, parameters);
  parameters.Add("gssencmode", "disable");
  parameters.Add("user", server.user);
  parameters.Add("password", server.password.empty() ? kNoPassword : server.password);
  parameters.Add("dbname", server.database);
  parameters.Add("target_session_attrs", "any");
  parameters.Add("application_name", "failover-monitor");
  // Nobody may put other functions in front of those that the probe calls.
  parameters.Add("options", "-c search_path=pg_catalog");
  Connection connection(parameters.Start());
  if (connection == nullptr) return connection;
  PQsetNoticeReceiver(connection.get(), IgnoreNotice, nullptr);
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
  // A connection that has failed already stays as it is.
  PQsetnonblocking(connection.get(), 1);
  return connection;
}

}  // namespace failover::postgres::internal
