// Prometheus' own checker, promtool, reads the metrics of a Buffer: their syntax and their names.
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <string>

#include "failover/metrics.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

// The exit status of `promtool check metrics`. 3 means that a name breaks a convention.
int Check(const std::string& text) {
  FILE* const promtool = popen(PROMTOOL " check metrics 1>&2", "w");
  if (promtool == nullptr) return -1;
  const bool written = fwrite(text.data(), 1, text.size(), promtool) == text.size();
  const int status = pclose(promtool);
  return written && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class PromtoolTest : public BufferTest {};

TEST_F(PromtoolTest, TheMetricsOfAFailoverAreGood) {
  Report(1, true, 1);
  AdvanceBeyondGuards();
  AsyncRequest request = Fail();
  clock_.Advance(absl::Milliseconds(1234));
  EndFailover();
  const AsyncRequest held = FailOn(Shard("1"));
  EXPECT_EQ(Check(PrometheusText(buffer())), 0);
  request.EndRetry();
}

TEST_F(PromtoolTest, NamesOfAnyBytesAreGood) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (std::size_t begin = 0; begin < all.size(); begin += 32) {
    FailOn(buffer().GetShard("k", all.substr(begin, 32)));
  }
  for (const char* const name : {"\u20ac", "\\", "\"", "\n", "\\\n\"", "\xE2\x82"}) {
    FailOn(buffer().GetShard("k", name));
  }
  EXPECT_EQ(Check(PrometheusText(buffer())), 0);
}

TEST(PromtoolSelfTest, ItFindsABadNameAndABadText) {
  EXPECT_EQ(
      Check("# HELP m_count A name for a part of a histogram.\n# TYPE m_count gauge\nm_count 1\n"),
      3);
  EXPECT_EQ(Check("m{shard=\"\xFF\"} 1\n"), 1);
}

}  // namespace
}  // namespace failover::test
