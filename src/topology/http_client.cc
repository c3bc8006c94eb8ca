#include "topology/http_client.h"

#include <curl/curl.h>

#include <array>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "topology/line_cutter.h"
#include "watch/finding.h"

namespace failover::topology::internal {
namespace {

// How long a connection of an endless answer may be silent until the kernel asks the peer, and how
// often it asks.
constexpr long kKeepAliveSeconds = 5;

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    static_cast<void>(kFree(pointer));
  }
};
struct ListFreer {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, Freer<curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Freer<curl_multi_cleanup>>;
using List = std::unique_ptr<curl_slist, ListFreer>;

bool InitCurl() {
  static const bool ok = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ok;
}

class CurlRequest final : public HttpRequest {
 public:
  CurlRequest(CURLM* multi, Easy easy) : multi_(multi), easy_(std::move(easy)) {}
  ~CurlRequest() override { curl_multi_remove_handle(multi_, easy_.get()); }

  CurlRequest(const CurlRequest&) = delete;
  CurlRequest& operator=(const CurlRequest&) = delete;

  // Returns whether the request is under way.
  bool Begin(const HttpPost& post, const EtcdTls& tls);
  void End(CURLcode result);

  std::optional<absl::Status> end() const override { return end_; }
  long http_code() const override {
    long code = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  const std::string& body() const override { return cutter_.rest(); }
  std::vector<std::string> TakeLines() override { return cutter_.TakeLines(); }

 private:
  template <typename Value>
  void Set(CURLoption option, Value value) {
    all_set_ = curl_easy_setopt(easy_.get(), option, value) == CURLE_OK && all_set_;
  }
  void SetTls(const EtcdTls& tls);
  void AddHeader(const std::string& line);
  std::string TextOf(CURLcode result) const;
  bool Take(std::string_view piece);
  static std::size_t OnData(char* data, std::size_t size, std::size_t count, void* request);

  CURLM* const multi_;
  List headers_;
  bool endless_ = false;
  bool all_set_ = true;
  bool too_long_ = false;
  LineCutter cutter_{kMostBytes};
  std::array<char, CURL_ERROR_SIZE> error_ = {};
  std::optional<absl::Status> end_;
  // Is destroyed first, because libcurl may use the others until then.
  const Easy easy_;
};

bool CurlRequest::Begin(const HttpPost& post, const EtcdTls& tls) {
  endless_ = post.endless;
  AddHeader("Content-Type: application/json");
  AddHeader("Expect:");
  if (!post.authorization.empty()) AddHeader(absl::StrCat("Authorization: ", post.authorization));
  const long timeout = static_cast<long>(post.timeout.count());
  Set(CURLOPT_URL, post.url.c_str());
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  // A proxy that the environment names has no business between a router and its etcd.
  Set(CURLOPT_PROXY, "");
  Set(CURLOPT_NOSIGNAL, 1L);
  // A look-up that hangs does not keep the thread from ending.
  Set(CURLOPT_QUICK_EXIT, 1L);
  Set(CURLOPT_POSTFIELDSIZE, static_cast<long>(post.body.size()));
  Set(CURLOPT_COPYPOSTFIELDS, post.body.c_str());
  Set(CURLOPT_HTTPHEADER, headers_.get());
  Set(post.endless ? CURLOPT_CONNECTTIMEOUT_MS : CURLOPT_TIMEOUT_MS, timeout);
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  Set(CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
  Set(CURLOPT_WRITEFUNCTION, &CurlRequest::OnData);
  Set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  Set(CURLOPT_ERRORBUFFER, error_.data());
  Set(CURLOPT_PRIVATE, static_cast<void*>(this));
  SetTls(tls);
  return all_set_ && headers_ != nullptr && curl_multi_add_handle(multi_, easy_.get()) == CURLM_OK;
}

void CurlRequest::SetTls(const EtcdTls& tls) {
  Set(CURLOPT_SSL_VERIFYPEER, 1L);
  Set(CURLOPT_SSL_VERIFYHOST, 2L);
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!tls.ca_file.empty()) {
    Set(CURLOPT_CAINFO, tls.ca_file.c_str());
    // Only the authorities of the file count, and not those of the system, too.
    Set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!tls.certificate_file.empty()) {
    Set(CURLOPT_SSLCERT, tls.certificate_file.c_str());
    Set(CURLOPT_SSLKEY, tls.key_file.c_str());
  }
}

void CurlRequest::AddHeader(const std::string& line) {
  curl_slist* const longer = curl_slist_append(headers_.get(), line.c_str());
  if (longer == nullptr) {
    all_set_ = false;
    return;
  }
  static_cast<void>(headers_.release());
  headers_.reset(longer);
}

void CurlRequest::End(CURLcode result) {
  if (too_long_) {
    end_ = absl::ResourceExhaustedError(
        absl::StrCat("the answer is longer than ", kMostBytes, " bytes"));
  } else if (result != CURLE_OK) {
    end_ = absl::UnavailableError(TextOf(result));
  } else {
    end_ = absl::OkStatus();
  }
}

// Texts that libcurl fills with times would differ each time, and the log tells each text once.
std::string CurlRequest::TextOf(CURLcode result) const {
  const bool has_time = result == CURLE_COULDNT_CONNECT || result == CURLE_OPERATION_TIMEDOUT;
  if (error_[0] != '\0' && !has_time) return watch::internal::Printable(error_.data());
  long number = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
  if (result != CURLE_COULDNT_CONNECT || number == 0) return curl_easy_strerror(result);
  return absl::StrCat(curl_easy_strerror(result), ": ",
                      std::generic_category().message(static_cast<int>(number)));
}

bool CurlRequest::Take(std::string_view piece) {
  too_long_ = !cutter_.Add(piece);
  return !too_long_;
}

std::size_t CurlRequest::OnData(char* data, std::size_t size, std::size_t count, void* request) {
  const std::size_t bytes = size * count;
  return static_cast<CurlRequest*>(request)->Take({data, bytes}) ? bytes : 0;
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(const EtcdTls& tls, Multi multi) : tls_(tls), multi_(std::move(multi)) {}

  std::unique_ptr<HttpRequest> Start(const HttpPost& post) override {
    Easy easy(curl_easy_init());
    if (easy == nullptr) return nullptr;
    auto request = std::make_unique<CurlRequest>(multi_.get(), std::move(easy));
    if (!request->Begin(post, tls_)) return nullptr;
    return request;
  }

  void Wait(std::chrono::milliseconds most) override {
    // A request that was just started makes the call return at once. Nothing may be read before the
    // call, or the thread would wait although there is news.
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(most.count()), nullptr);
    Perform();
  }

  void WakeUp() override { curl_multi_wakeup(multi_.get()); }

 private:
  void Perform() {
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      void* request = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
      static_cast<CurlRequest*>(request)->End(message->data.result);
    }
  }

  const EtcdTls tls_;
  const Multi multi_;
};

}  // namespace

std::unique_ptr<HttpClient> HttpClient::Create(const EtcdTls& tls) {
  if (!InitCurl()) return nullptr;
  Multi multi(curl_multi_init());
  if (multi == nullptr) return nullptr;
  return std::make_unique<CurlClient>(tls, std::move(multi));
}

}  // namespace failover::topology::internal
