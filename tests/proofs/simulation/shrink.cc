#include "shrink.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace failover::simulation {

namespace {

// Removes every piece of `size` steps without which the list still fails. Returns whether any piece
// was removed.
bool RemovePieces(std::vector<Step>& steps, std::size_t size, const Fails& fails) {
  bool removed = false;
  // The loop begins at the end, because later steps depend on earlier steps.
  for (std::size_t end = steps.size(); end > 0;) {
    const std::size_t begin = end > size ? end - size : 0;
    std::vector<Step> fewer(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(begin));
    fewer.insert(fewer.end(), steps.begin() + static_cast<std::ptrdiff_t>(end), steps.end());
    if (fails(fewer)) {
      steps = std::move(fewer);
      removed = true;
    }
    end = begin;
  }
  return removed;
}

void Simplify(std::vector<Step>& steps, const Fails& fails) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto attempt = [&](void (*change)(Step&)) {
      std::vector<Step> simpler = steps;
      change(simpler[i]);
      if (fails(simpler)) steps = std::move(simpler);
    };
    const Step step = steps[i];
    if (step.during != 0) attempt([](Step& s) { s.during = 0; });
    if (step.kind == StepKind::kEndRetry && step.retry_end != RetryEnd::kCall) {
      attempt([](Step& s) { s.retry_end = RetryEnd::kCall; });
    }
    if (step.kind != StepKind::kRequest) continue;
    if (step.face != Face::kCallback) {
      attempt([](Step& s) {
        s.face = Face::kCallback;
        s.by_stop_token = s.cancelled = false;
      });
    }
    if (step.by_name) attempt([](Step& s) { s.by_name = false; });
    if (step.by_stop_token) attempt([](Step& s) { s.by_stop_token = false; });
    if (step.timeout_ns != kForEver) attempt([](Step& s) { s.timeout_ns = kForEver; });
    if (step.bytes != 0) attempt([](Step& s) { s.bytes = 0; });
  }
}

}  // namespace

std::vector<Step> Shrink(std::vector<Step> steps, const Fails& fails) {
  for (std::size_t size = steps.size() / 2; size > 1; size /= 2) RemovePieces(steps, size, fails);
  // A simplified step may need fewer other steps, so the loop below tries again to remove steps.
  RemovePieces(steps, 1, fails);
  Simplify(steps, fails);
  while (RemovePieces(steps, 1, fails)) {
  }
  return steps;
}

}  // namespace failover::simulation
