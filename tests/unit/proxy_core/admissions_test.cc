// These tests cover who may come in and who has to go. They run the event loop by hand.
#include "proxy/core/admissions.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace proxy {
namespace {

class AdmissionsTest : public testing::Test {
 protected:
  void Limit(int logins, int sessions, int sessions_of_user = 0) {
    admissions_.emplace(AdmissionLimits{logins, sessions, sessions_of_user});
  }

  // A client that notes when it has to go.
  struct Guest {
    explicit Guest(Admission its_admission) : admission(std::move(its_admission)) {
      admission.OnEviction([this] { gone = true; });
    }
    Admission admission;
    bool gone = false;
  };
  std::unique_ptr<Guest> Enter() {
    return std::make_unique<Guest>(admissions_->Enter(io_.get_executor()));
  }
  void RunLoop() {
    io_.restart();
    io_.run();
  }

  asio::io_context io_;
  std::optional<Admissions> admissions_;
};

TEST_F(AdmissionsTest, TheClientThatHasWaitedLongestGoesForANewcomer) {
  Limit(2, 10);
  auto first = Enter();
  auto second = Enter();
  RunLoop();
  EXPECT_FALSE(first->gone);
  auto third = Enter();
  EXPECT_FALSE(first->gone) << "only the client's own event loop may call it";
  RunLoop();
  EXPECT_TRUE(first->gone);
  EXPECT_FALSE(second->gone);
  EXPECT_FALSE(third->gone);
  EXPECT_EQ(admissions_->logins(), 2);
  EXPECT_EQ(admissions_->evictions(), 1u);
  EXPECT_EQ(first->admission.LogIn("a"), LoginAnswer::kEvicted);
  EXPECT_EQ(third->admission.LogIn("a"), LoginAnswer::kWelcome);
}

TEST_F(AdmissionsTest, AClientThatHasLoggedInStays) {
  Limit(1, 10);
  auto first = Enter();
  EXPECT_EQ(first->admission.LogIn("a"), LoginAnswer::kWelcome);
  EXPECT_EQ(admissions_->logins(), 0);
  auto second = Enter();
  auto third = Enter();
  RunLoop();
  EXPECT_FALSE(first->gone);
  EXPECT_TRUE(second->gone);
}

TEST_F(AdmissionsTest, AnEvictionThatIsUnderWayEndsTheLogin) {
  Limit(1, 10);
  auto first = Enter();
  auto second = Enter();
  EXPECT_EQ(first->admission.LogIn("a"), LoginAnswer::kEvicted) << "the place is taken already";
  EXPECT_EQ(second->admission.LogIn("a"), LoginAnswer::kWelcome);
}

TEST_F(AdmissionsTest, WhoIsEvictedBeforeItListensLearnsItAtOnce) {
  Limit(1, 10);
  Admission early = admissions_->Enter(io_.get_executor());
  auto second = Enter();
  RunLoop();
  bool gone = false;
  early.OnEviction([&gone] { gone = true; });
  EXPECT_TRUE(gone);
}

TEST_F(AdmissionsTest, NobodyIsCalledAfterTheEnd) {
  Limit(1, 10);
  auto first = Enter();
  bool called = false;
  first->admission.OnEviction([&called] { called = true; });
  auto second = Enter();
  first.reset();
  RunLoop();
  EXPECT_FALSE(called);
  EXPECT_EQ(admissions_->logins(), 1);
}

TEST_F(AdmissionsTest, AClientThatLeavesMakesRoom) {
  Limit(2, 10);
  auto first = Enter();
  auto second = Enter();
  second.reset();
  auto third = Enter();
  RunLoop();
  EXPECT_FALSE(first->gone);
  EXPECT_EQ(admissions_->logins(), 2);
}

TEST_F(AdmissionsTest, SessionsAreLimited) {
  Limit(10, 1);
  auto first = Enter();
  auto second = Enter();
  EXPECT_FALSE(admissions_->IsFull());
  EXPECT_EQ(first->admission.LogIn("a"), LoginAnswer::kWelcome);
  EXPECT_TRUE(admissions_->IsFull());
  EXPECT_EQ(second->admission.LogIn("b"), LoginAnswer::kTooMany);
  first.reset();
  EXPECT_FALSE(admissions_->IsFull());
  EXPECT_EQ(second->admission.LogIn("b"), LoginAnswer::kWelcome);
}

TEST_F(AdmissionsTest, SessionsOfAUserAreLimited) {
  Limit(10, 10, 2);
  std::vector<std::unique_ptr<Guest>> guests;
  for (int i = 0; i < 2; ++i) {
    guests.push_back(Enter());
    EXPECT_EQ(guests.back()->admission.LogIn("a"), LoginAnswer::kWelcome);
  }
  auto third = Enter();
  EXPECT_EQ(third->admission.LogIn("a"), LoginAnswer::kTooManyOfUser);
  auto other = Enter();
  EXPECT_EQ(other->admission.LogIn("b"), LoginAnswer::kWelcome);
  guests.pop_back();
  EXPECT_EQ(third->admission.LogIn("a"), LoginAnswer::kWelcome);
}

TEST_F(AdmissionsTest, AClientThatBecomesAnotherUserCountsAsThatUser) {
  Limit(10, 10, 1);
  auto first = Enter();
  EXPECT_EQ(first->admission.ChangeUser("b"), LoginAnswer::kEvicted) << "nobody is logged in";
  EXPECT_EQ(first->admission.LogIn("a"), LoginAnswer::kWelcome);
  EXPECT_EQ(first->admission.ChangeUser("a"), LoginAnswer::kWelcome);
  auto second = Enter();
  EXPECT_EQ(second->admission.LogIn("b"), LoginAnswer::kWelcome);
  EXPECT_EQ(first->admission.ChangeUser("b"), LoginAnswer::kTooManyOfUser);
  EXPECT_EQ(second->admission.ChangeUser("c"), LoginAnswer::kWelcome);
  EXPECT_EQ(first->admission.ChangeUser("b"), LoginAnswer::kWelcome);
  auto third = Enter();
  EXPECT_EQ(third->admission.LogIn("b"), LoginAnswer::kTooManyOfUser);
  EXPECT_EQ(third->admission.LogIn("a"), LoginAnswer::kWelcome) << "the place of the first";
}

TEST_F(AdmissionsTest, AMovedPlaceIsGivenBackOnce) {
  Limit(10, 10);
  Admission first = admissions_->Enter(io_.get_executor());
  Admission second = std::move(first);
  EXPECT_EQ(admissions_->logins(), 1);
  second = admissions_->Enter(io_.get_executor());
  EXPECT_EQ(admissions_->logins(), 1) << "the old place was given back";
  second = Admission();
  EXPECT_EQ(admissions_->logins(), 0);
}

TEST_F(AdmissionsTest, TheOldestCanBeSentAwayWithoutANewcomer) {
  Limit(10, 10);
  admissions_->EvictOldest();
  auto first = Enter();
  auto second = Enter();
  admissions_->EvictOldest();
  RunLoop();
  EXPECT_TRUE(first->gone);
  EXPECT_FALSE(second->gone);
}

}  // namespace
}  // namespace proxy
