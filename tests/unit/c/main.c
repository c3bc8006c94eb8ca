/* Runs the tests in C. */
#include "check.h"

int main(void) {
  TestLayout();
  TestBadInput();
  TestRequests();
  TestShutdown();
  TestInboxes();
  TestSteps();
  TestSwitchovers();
  TestMetrics();
  TestFork();
  puts("all tests in C passed");
  return 0;
}
