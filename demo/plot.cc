#include "plot.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "number_format.h"
#include "summary.h"
#include "time_series.h"

namespace failover_demo {
namespace {

constexpr double kWidth = 960;
constexpr double kLeft = 62;
constexpr double kRight = kWidth - 22;
constexpr double kTop = 126;  // The first panel begins here.
// The height includes the heading and the distance to the next panel.
constexpr double kPanelHeight = 278;
constexpr double kRatesTop = 44;  // The chart of answers and errors begins here in a panel.
constexpr double kRatesHeight = 126;
constexpr double kHeldTop = 184;  // The chart of held requests begins here in a panel.
constexpr double kHeldHeight = 40;

constexpr char kTitle[] = "Two failovers, without and with the buffer";

constexpr char kShapes[] = R"(
  svg { font-family: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
  text { font-size: 13px; }
  .title { font-size: 20px; font-weight: 600; }
  .heading { font-size: 15px; font-weight: 600; }
  .pale { font-size: 12px; }
  .right { text-anchor: end; }
  .middle { text-anchor: middle; }
  .mark { stroke-dasharray: 3 3; }
)";

struct Palette {
  const char* paper;
  const char* ink;
  const char* pale;
  const char* grid;
  const char* band;
  const char* answers;
  const char* answers_area;
  const char* errors;
  const char* held;
};

constexpr Palette kLight = {"#ffffff", "#1f2328", "#59636e", "#d8dee4", "#eaeef2",
                            "#0969da", "#cfe3fa", "#cf222e", "#bf8700"};
constexpr Palette kDark = {"#0d1117", "#e6edf3", "#9198a1", "#2b323b", "#1d242d",
                           "#58a6ff", "#17304f", "#ff6a61", "#d29922"};

// The style uses plain colours, because many programs that show an SVG do not know CSS variables.
std::string Colours(const Palette& palette) {
  return absl::StrCat(
      "text { fill: ", palette.ink, "; } .pale { fill: ", palette.pale, "; }\n",        //
      ".paper { fill: ", palette.paper, "; stroke: ", palette.grid, "; }\n",            //
      ".grid { stroke: ", palette.grid, "; } .mark { stroke: ", palette.pale, "; }\n",  //
      ".band { fill: ", palette.band, "; }\n",                                          //
      ".answers { fill: ", palette.answers_area, "; stroke: ", palette.answers, "; }\n",
      ".answers-key { fill: ", palette.answers, "; } .errors { fill: ", palette.errors, "; }\n",
      ".held { fill: ", palette.held, "; }\n");
}

std::string Style() {
  return absl::StrCat("<style>", kShapes, Colours(kLight),
                      "@media (prefers-color-scheme: dark) {\n", Colours(kDark), "}\n</style>\n");
}

// Both panels share this scale, so that they can be compared.
struct Scale {
  double seconds = 0;
  double per_second = 0;
  double held = 0;

  double X(absl::Duration time) const {
    return kLeft + (kRight - kLeft) * absl::ToDoubleSeconds(time) / seconds;
  }
};

std::string Text(double x, double y, std::string_view css_class, std::string_view text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y,
                         std::string(css_class), std::string(text));
}

std::string Rectangle(double x, double y, double width, double height, std::string_view css_class) {
  return absl::StrFormat(
      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"/>\n", x, y, width,
      height, std::string(css_class));
}

std::string Line(double x1, double y1, double x2, double y2, std::string_view css_class) {
  return absl::StrFormat("<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s\"/>\n", x1, y1, x2, y2,
                         std::string(css_class));
}

// Returns a round number that is not smaller than `value`, for the end of an axis.
double RoundUp(double value) {
  double step = 1;
  while (step * 10 < value) step *= 10;
  for (const double factor : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0}) {
    if (value <= step * factor) return step * factor;
  }
  return step * 10;
}

// Stairs makes the path of an area that has steps on top and a straight base line.
class Stairs {
 public:
  Stairs(const Scale& scale, double base, double height, double largest)
      : scale_(scale), base_(base), height_(height), largest_(largest) {
    path_ = absl::StrFormat("M%.1f %.1f", kLeft, base);
  }

  // The area has the height `value` from `at` until the next call. A value above zero is always
  // drawn high enough to be seen.
  void Step(absl::Duration at, double value) {
    constexpr double kLeastHeight = 3;
    const double height =
        value > 0 ? std::max(height_ * std::min(value / largest_, 1.0), kLeastHeight) : 0;
    if (height == drawn_) return;
    absl::StrAppendFormat(&path_, "H%.1fV%.1f", scale_.X(at), base_ - height);
    drawn_ = height;
  }

  std::string End(absl::Duration at, std::string_view css_class) && {
    absl::StrAppendFormat(&path_, "H%.1fV%.1fZ", scale_.X(at), base_);
    return absl::StrFormat("<path d=\"%s\" class=\"%s\"/>\n", path_, std::string(css_class));
  }

 private:
  const Scale& scale_;
  const double base_;
  const double height_;
  const double largest_;
  double drawn_ = 0;
  std::string path_;
};

std::string Rates(const std::vector<double>& values, absl::Duration slice, const Scale& scale,
                  double top, std::string_view css_class) {
  Stairs stairs(scale, top + kRatesTop + kRatesHeight, kRatesHeight, scale.per_second);
  absl::Duration at;
  for (const double value : values) {
    stairs.Step(at, value);
    at += slice;
  }
  return std::move(stairs).End(at, css_class);
}

std::string Held(const PassResult& pass, const Scale& scale, double top) {
  Stairs stairs(scale, top + kHeldTop + kHeldHeight, kHeldHeight, scale.held);
  for (const HeldSample& sample : pass.held) {
    stairs.Step(sample.at, static_cast<double>(sample.held));
  }
  return std::move(stairs).End(pass.duration, "held");
}

std::string Legend() {
  std::string svg;
  double x = kLeft;
  const auto add = [&](std::string_view css_class, std::string_view text, double width) {
    svg += Rectangle(x, 75, 11, 11, css_class);
    svg += Text(x + 17, 85, "pale", text);
    x += width;
  };
  add("answers-key", "answers per second", 165);
  add("errors", "errors per second, as the clients see them", 290);
  add("held", "requests held by the buffer", 0);
  return svg;
}

std::string IncidentMark(const Incident& incident, std::string_view label, const Scale& scale,
                         double top) {
  const double begin = scale.X(incident.begin);
  const double end = std::max(scale.X(incident.over), begin + 1);
  const double bottom = top + kHeldTop + kHeldHeight;
  return absl::StrCat(
      Rectangle(begin, top + kRatesTop, end - begin, bottom - top - kRatesTop, "band"),
      Line(begin, top + kRatesTop - 4, begin, bottom, "mark"),
      Line(end, top + kRatesTop, end, bottom, "mark"),
      Text(begin, top + kRatesTop - 9, "pale middle",
           absl::StrCat(std::string(label), ": ",
                        WithCommas(absl::ToInt64Milliseconds(incident.over - incident.begin)),
                        " ms without a primary")));
}

std::string Axes(const Scale& scale, double top) {
  std::string svg;
  const double base = top + kRatesTop + kRatesHeight;
  for (const double share : {0.0, 0.5, 1.0}) {
    const double y = base - share * kRatesHeight;
    svg += Line(kLeft, y, kRight, y, "grid");
    svg += Text(kLeft - 8, y + 4, "pale right", WithCommas(std::llround(share * scale.per_second)));
  }
  const double held_base = top + kHeldTop + kHeldHeight;
  svg += Line(kLeft, held_base, kRight, held_base, "grid");
  svg += Text(kLeft - 8, held_base - kHeldHeight + 8, "pale right",
              WithCommas(std::llround(scale.held)));
  svg += Text(kLeft - 8, held_base - kHeldHeight / 2 + 6, "pale right", "held");
  svg += Text(kLeft - 8, held_base + 4, "pale right", "0");
  const int step = scale.seconds > 10 ? 2 : 1;
  for (int second = 0; second <= static_cast<int>(scale.seconds); second += step) {
    svg += Text(scale.X(absl::Seconds(second)), held_base + 17, "pale middle",
                absl::StrCat(second, " s"));
  }
  return svg;
}

// Returns a text such as "0 errors in the switchover, 12 in the crash", followed by how many of the
// errors were in flight at the crash.
std::string Outcomes(const PassResult& pass) {
  const Summary summary = Summarize(pass);
  const PhaseSummary& switchover = summary[static_cast<std::size_t>(Phase::kSwitchover)];
  const PhaseSummary& crash = summary[static_cast<std::size_t>(Phase::kCrash)];
  std::string text =
      absl::StrFormat("%s client errors in the switchover, %s in the crash",
                      WithCommas(switchover.error_count()), WithCommas(crash.error_count()));
  if (crash.errors_in_flight > 0) {
    const bool all = crash.errors_in_flight == crash.error_count();
    absl::StrAppend(&text, " (", all ? "all" : WithCommas(crash.errors_in_flight),
                    " in flight when the server died)");
  }
  return text;
}

std::string Panel(const PassResult& pass, const TimeSeries& series, const Scale& scale,
                  double top) {
  std::string svg;
  absl::StrAppend(&svg, "<text x=\"", kLeft, "\" y=\"", top + 8, "\"><tspan class=\"heading\">",
                  pass.buffered ? "With the buffer:" : "Without the buffer:",
                  "</tspan><tspan dx=\"7\">", Outcomes(pass), "</tspan></text>\n");
  svg += IncidentMark(pass.switchover, "planned switchover", scale, top);
  svg += IncidentMark(pass.crash, "kill -9", scale, top);
  svg += Axes(scale, top);
  svg += Rates(series.answers_per_second, series.slice, scale, top, "answers");
  svg += Rates(series.errors_per_second, series.slice, scale, top, "errors");
  svg += Held(pass, scale, top);
  return svg;
}

double Largest(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

// Returns a scale on which all passes fit completely.
Scale MakeScale(const std::vector<PassResult>& passes, const std::vector<TimeSeries>& all) {
  Scale scale;
  for (std::size_t i = 0; i < passes.size(); ++i) {
    scale.seconds = std::max(scale.seconds, absl::ToDoubleSeconds(passes[i].duration));
    scale.per_second = std::max(
        {scale.per_second, Largest(all[i].answers_per_second), Largest(all[i].errors_per_second)});
    for (const HeldSample& sample : passes[i].held) {
      scale.held = std::max(scale.held, static_cast<double>(sample.held));
    }
  }
  scale.per_second = RoundUp(scale.per_second);
  scale.held = std::max(scale.held, 1.0);
  return scale;
}

}  // namespace

std::string Plot(const std::vector<PassResult>& passes, std::string_view subtitle) {
  std::vector<TimeSeries> all;
  for (const PassResult& pass : passes) {
    const bool is_long = pass.duration > absl::Seconds(10);
    all.push_back(MakeTimeSeries(pass, absl::Milliseconds(is_long ? 100 : 50)));
  }
  const Scale scale = MakeScale(passes, all);

  const double height = kTop + kPanelHeight * static_cast<double>(passes.size());
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
      "height=\"%.0f\" role=\"img\">\n<title>%s</title>\n",
      kWidth, height, kWidth, height, kTitle);
  svg += Style();
  absl::StrAppendFormat(&svg,
                        "<rect x=\".5\" y=\".5\" width=\"%.0f\" height=\"%.0f\" rx=\"8\" "
                        "class=\"paper\"/>\n",
                        kWidth - 1, height - 1);
  svg += Text(kLeft, 36, "title", kTitle);
  svg += Text(kLeft, 58, "pale", subtitle);
  svg += Legend();
  for (std::size_t i = 0; i < passes.size(); ++i) {
    svg += Panel(passes[i], all[i], scale, kTop + kPanelHeight * static_cast<double>(i));
  }
  svg += "</svg>\n";
  return svg;
}

}  // namespace failover_demo
