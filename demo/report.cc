#include "report.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "number_format.h"
#include "summary.h"

namespace failover_demo {
namespace {

// A Column of the table is a pass and its figures.
struct Column {
  const PassResult& pass;
  Summary summary;

  const PhaseSummary& operator[](Phase phase) const {
    return summary[static_cast<std::size_t>(phase)];
  }
};

std::string Milliseconds(absl::Duration time) {
  const double milliseconds = absl::ToDoubleMilliseconds(time);
  return absl::StrFormat("%.*f", milliseconds < 10 ? 1 : 0, milliseconds);
}

std::string Percentiles(const PhaseSummary& phase) {
  if (phase.answered == 0) return "-";
  return absl::StrCat(Milliseconds(phase.p50), " / ", Milliseconds(phase.p99), " ms");
}

const char* Meaning(const std::string& error) {
  static const auto* const meanings = new std::map<std::string, const char*>{
      {"1290", "the server is read-only"},  {"2002", "cannot connect"},
      {"2003", "cannot connect"},           {"2013", "lost connection, fate unknown"},
      {"57P01", "the server shuts down"},   {"57P03", "the server takes no statements now"},
      {"25006", "the server is read-only"}, {"connection lost", "fate unknown"},
      {"WARNING 57P01", "fate unknown"},
  };
  const auto meaning = meanings->find(error);
  return meaning == meanings->end() ? "" : meaning->second;
}

class TableWriter {
 public:
  explicit TableWriter(const std::vector<PassResult>& passes) {
    for (const PassResult& pass : passes) columns_.push_back({pass, Summarize(pass)});
  }

  std::string Write() && {
    Row("", [](const Column& c) { return c.pass.buffered ? "with buffer" : "without buffer"; });
    Row("requests", [](const Column& c) {
      return WithCommas(std::accumulate(
          c.summary.begin(), c.summary.end(), std::int64_t{0},
          [](std::int64_t sum, const PhaseSummary& phase) { return sum + phase.requests; }));
    });
    WriteErrors("client errors in the planned switchover", Phase::kSwitchover);
    WriteErrors("client errors in the crash", Phase::kCrash);
    Row("  of these in flight when the server died",
        [](const Column& c) { return WithCommas(c[Phase::kCrash].errors_in_flight); });
    Row("client errors at other times", [](const Column& c) {
      return WithCommas(c[Phase::kBefore].error_count() + c[Phase::kBetween].error_count() +
                        c[Phase::kAfter].error_count());
    });
    WriteTimes();
    WriteBuffer();
    WriteAudit();
    return std::move(text_);
  }

 private:
  template <typename Cell>
  void Row(std::string_view title, const Cell& cell) {
    absl::StrAppendFormat(&text_, "%-44s", std::string(title));
    for (const Column& column : columns_) {
      absl::StrAppendFormat(&text_, "%18s", std::string(cell(column)));
    }
    text_ += '\n';
  }

  void WriteErrors(std::string_view title, Phase phase) {
    Row(title, [phase](const Column& c) { return WithCommas(c[phase].error_count()); });
    std::set<std::string> labels;
    for (const Column& column : columns_) {
      for (const auto& [label, count] : column[phase].errors) labels.insert(label);
    }
    for (const std::string& label : labels) {
      Row(absl::StrCat("  ", label, " ", Meaning(label)), [&](const Column& c) {
        const auto error = c[phase].errors.find(label);
        return WithCommas(error == c[phase].errors.end() ? 0 : error->second);
      });
    }
  }

  void WriteTimes() {
    const auto stall = [](Phase phase) {
      return [phase](const Column& c) {
        return absl::StrCat(Milliseconds(c[phase].longest_stall), " ms");
      };
    };
    Row("longest stall of a client: switchover", stall(Phase::kSwitchover));
    Row("longest stall of a client: crash", stall(Phase::kCrash));
    const auto percentiles = [](Phase phase) {
      return [phase](const Column& c) { return Percentiles(c[phase]); };
    };
    Row("p50 / p99 of answers: before", percentiles(Phase::kBefore));
    Row("  during the switchover", percentiles(Phase::kSwitchover));
    Row("  between the two", percentiles(Phase::kBetween));
    Row("  during the crash", percentiles(Phase::kCrash));
    Row("  after", percentiles(Phase::kAfter));
  }

  void WriteBuffer() {
    const auto number = [](std::uint64_t count) {
      return WithCommas(static_cast<std::int64_t>(count));
    };
    Row("held", [&](const Column& c) { return number(c.pass.buffer.requests_buffered); });
    Row("drained", [&](const Column& c) { return number(c.pass.buffer.requests_drained); });
    Row("evicted", [&](const Column& c) {
      const auto& evicted = c.pass.buffer.requests_evicted;
      return number(std::accumulate(evicted.begin(), evicted.end(), std::uint64_t{0}));
    });
  }

  void WriteAudit() {
    Row("audit: rows acknowledged",
        [](const Column& c) { return WithCommas(c.pass.audit.acknowledged); });
    Row("  of these lost / doubled", [](const Column& c) {
      return absl::StrCat(c.pass.audit.lost, " / ", c.pass.audit.doubled);
    });
    Row("  of unknown fate: written / not written", [](const Column& c) {
      return absl::StrCat(c.pass.audit.unknown_present, " / ", c.pass.audit.unknown_absent);
    });
  }

  std::vector<Column> columns_;
  std::string text_;
};

// Adds "<what>: <count>" to the failures unless the count is zero.
void AddFailure(std::string_view what, std::int64_t count, std::vector<std::string>& failures) {
  if (count > 0) failures.push_back(absl::StrCat(std::string(what), ": ", count));
}

}  // namespace

std::string Table(const std::vector<PassResult>& passes) { return TableWriter(passes).Write(); }

std::vector<std::string> Failures(const PassResult& pass) {
  std::vector<std::string> failures;
  const AuditResult& audit = pass.audit;
  if (audit.acknowledged == 0) failures.emplace_back("no row was acknowledged");
  AddFailure("acknowledged rows that are lost", audit.lost, failures);
  AddFailure("rows that are there more than once", audit.doubled, failures);
  AddFailure("rows that were refused, and written", audit.refused_present, failures);
  AddFailure("rows that nobody wrote", audit.strangers, failures);
  AddFailure("reads that missed an acknowledged row", audit.unseen, failures);
  if (!pass.buffered) return failures;

  if (pass.buffer.requests_buffered == 0) failures.emplace_back("the buffer held nothing");
  constexpr std::array<const char*, kPhases> kErrorsWhen = {
      "client errors before the failovers", "client errors in the planned switchover",
      "client errors between the failovers", "client errors in the crash",
      "client errors after the failovers"};
  const Summary summary = Summarize(pass);
  for (std::size_t phase = 0; phase < kPhases; ++phase) {
    AddFailure(kErrorsWhen[phase], summary[phase].error_count() - summary[phase].errors_in_flight,
               failures);
  }
  return failures;
}

}  // namespace failover_demo
