#include "topology/patroni_keys.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/time/time.h"

namespace failover::topology::internal {
namespace {

TEST(PatroniKeysTest, APrefixHasOneSlashBetweenItsParts) {
  EXPECT_EQ(PrefixOf("/service/", "batman"), "/service/batman/");
  EXPECT_EQ(PrefixOf("service", "batman"), "/service/batman/");
  EXPECT_EQ(PrefixOf("//a//b/", "batman"), "/a/b/batman/");
  EXPECT_EQ(PrefixOf("", "batman"), "/batman/");
}

TEST(PatroniKeysTest, AMemberTellsHowItIsReached) {
  const auto member = ParseMember(
      "n1",
      R"({"conn_url":"postgres://127.0.0.1:5432/postgres","api_url":"http://127.0.0.1:8008/patroni",)"
      R"("state":"running","role":"master","version":"3.0.2","xlog_location":50331968,)"
      R"("timeline":7})");
  ASSERT_TRUE(member.ok()) << member.status();
  const PatroniMember expected = {"n1",
                                  "postgres://127.0.0.1:5432/postgres",
                                  "http://127.0.0.1:8008/patroni",
                                  "running",
                                  "master",
                                  7};
  EXPECT_EQ(*member, expected);
}

TEST(PatroniKeysTest, AMemberMayTellLess) {
  const auto member = ParseMember("n1", R"({"state":"stopped","role":7,"timeline":"x"})");
  ASSERT_TRUE(member.ok());
  EXPECT_EQ(member->state, "stopped");
  EXPECT_EQ(member->role, "");
  EXPECT_EQ(member->timeline, 0);
  EXPECT_FALSE(ParseMember("n1", "running").ok());
  EXPECT_FALSE(ParseMember("n1", "[]").ok());
}

TEST(PatroniKeysTest, AMemberHasAnAddress) {
  const struct {
    const char* url;
    const char* host;
    int port;
  } kRows[] = {
      {"postgres://10.0.0.1:5432/postgres", "10.0.0.1", 5432},
      {"postgres://db-1.example:1/", "db-1.example", 1},
      {"postgresql://[2001:db8::1]:65535/postgres?a=b:c", "2001:db8::1", 65535},
      {"mysql://a:b@c@host:3306", "host", 3306},
  };
  for (const auto& row : kRows) {
    const auto address = AddressOf({"n1", row.url, "", "", "", 0});
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->host, row.host);
    EXPECT_EQ(address->port, row.port);
  }
}

TEST(PatroniKeysTest, AnAddressThatCannotBeReadIsAnError) {
  for (const char* const url :
       {"", "postgres://", "postgres://host", "postgres://:5432/", "postgres://host:/postgres",
        "postgres://host:0/", "postgres://host:65536/", "postgres://host:x/", "host:5432",
        "postgres://[::1:5432/", "postgres://::1:5432/", "postgres://a:1,b:2/",
        "postgres://a\nb:1/"}) {
    const auto address = AddressOf({"n1", url, "", "", "", 0});
    EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument) << url;
  }
}

TEST(PatroniKeysTest, AnAnnouncementNamesLeaderAndCandidate) {
  const auto announced = ParseAnnouncement(R"({"leader":"n1","member":"n2"})");
  ASSERT_TRUE(announced.ok() && announced->has_value());
  EXPECT_EQ((*announced)->leader, "n1");
  EXPECT_EQ((*announced)->candidate, "n2");
  EXPECT_FALSE((*announced)->scheduled_at.has_value());
  const auto manual = ParseAnnouncement(R"({"member":"n2","leader":null})");
  ASSERT_TRUE(manual.ok() && manual->has_value());
  EXPECT_EQ((*manual)->leader, "");
}

TEST(PatroniKeysTest, NothingIsAnnounced) {
  for (const char* const value : {"{}", R"({"leader":""})", R"({"scheduled_at":"x"})"}) {
    const auto announced = ParseAnnouncement(value);
    ASSERT_TRUE(announced.ok()) << value;
    EXPECT_FALSE(announced->has_value()) << value;
  }
}

TEST(PatroniKeysTest, AScheduledTimeHasAZone) {
  const absl::Time noon = absl::FromCivil(absl::CivilSecond(2026, 11, 30, 12), absl::UTCTimeZone());
  const struct {
    const char* text;
    absl::Time time;
  } kRows[] = {
      {"2026-11-30T12:00:00+00:00", noon},
      {"2026-11-30T12:00:00Z", noon},
      {"2026-11-30 13:00:00+01:00", noon},
      {"2026-11-30T12:00:00.250000+00:00", noon + absl::Milliseconds(250)},
      {"2026-11-29T22:30:00-13:30", noon},
  };
  for (const auto& row : kRows) {
    const auto announced =
        ParseAnnouncement(std::string(R"({"leader":"n1","scheduled_at":")") + row.text + "\"}");
    ASSERT_TRUE(announced.ok() && announced->has_value()) << announced.status();
    EXPECT_EQ((*announced)->scheduled_at, row.time) << row.text;
  }
}

TEST(PatroniKeysTest, AnAnnouncementThatCannotBeReadIsAnError) {
  for (const char* const value :
       {"", "n1:n2", "7", R"({"leader":"n1","scheduled_at":"2026-11-30T12:00:00"})",
        R"({"leader":"n1","scheduled_at":"tomorrow"})"}) {
    EXPECT_FALSE(ParseAnnouncement(value).ok()) << value;
  }
}

}  // namespace
}  // namespace failover::topology::internal
