#include "child.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace failover::simulation {

namespace {

SharedRun* MapShared() {
  void* const memory = mmap(nullptr, sizeof(SharedRun), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, /*fd=*/-1, /*offset=*/0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  return new (memory) SharedRun();
}

}  // namespace

void SharedRun::AddStep(const Step& step) {
  const std::size_t count = step_count;
  if (count == step_list.size()) return;
  step_list[count] = step;
  step_count = count + 1;
}

void SharedRun::SetWhat(const std::string& text) {
  const std::size_t size = std::min(text.size(), what.size() - 1);
  std::copy_n(text.begin(), size, what.begin());
  what[size] = '\0';
}

std::vector<Step> SharedRun::Steps() const {
  return {step_list.begin(), step_list.begin() + static_cast<std::ptrdiff_t>(step_count.load())};
}

Child::Child(const std::function<void(SharedRun&)>& work) : shared_(MapShared()) {
  int ends[2];
  if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  // The buffers of stdio are flushed first: otherwise both processes would write what is in them.
  std::fflush(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ends[0]);
    work(*shared_);
    // After a finding, threads may be stuck, so the child leaves without any cleaning up. Otherwise
    // std::exit gives sanitizers the chance to look for leaks.
    if (shared_->what[0] != '\0') _exit(1);
    std::exit(0);  // NOLINT(concurrency-mt-unsafe): there is no other thread
  }
  close(ends[1]);
  fd_ = ends[0];
}

Child::~Child() {
  Kill();
  if (pid_ > 0) Reap();
  close(fd_);
  shared_->~SharedRun();
  munmap(shared_, sizeof(SharedRun));
}

void Child::Kill() {
  if (pid_ > 0) kill(pid_, SIGKILL);
}

std::string Child::Reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (shared_->what[0] != '\0') return shared_->what.data();
  if (WIFSIGNALED(status)) return absl::StrCat("crashed with signal ", WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return absl::StrCat("ended with code ", WEXITSTATUS(status));
  return "";
}

}  // namespace failover::simulation
