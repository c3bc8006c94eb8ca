# Draws what clients saw in several passes: answers per second, and errors. Each pass has a panel.
#
# The arguments of each pass are title=<text>, a file of lines "mark <seconds> <text>" (what was done
# to the servers), and a file of lines "asked answered row outcome". Times are in seconds since the pass
# began. The outcome is ok or the number of an error. `seconds` is the length of a pass, and `rate` is
# how many rows per second the clients want.

BEGIN {
  width = 900; left = 64; right = 876; top = 70; panel = 168; height = 92
  slice = 0.1; limit = int(seconds / slice); most = 2.5 * rate * slice
}

title != last_title { titles[++panels] = title; last_title = title }

$1 == "mark" {
  mark_at[panels, ++marks[panels]] = $2
  mark_text[panels, marks[panels]] = $3 ($4 == "" ? "" : " " $4)
  next
}

{
  at = int($2 / slice)
  if ($4 == "ok") ++answers[panels, at]; else { ++errors[panels, at]; ++all_errors[panels] }
}

END {
  print_head()
  for (p = 1; p <= panels; ++p) {
    base = top + p * panel - 30
    print_axes()
    print_stairs(answers, "answers")
    print_stairs(errors, "errors")
    print_marks()
    print_heading()
  }
  print "</svg>"
}

function x_of(slices) { return left + (right - left) * slices / limit }

# Formats a number with its thousands separated.
function grouped(n) { return n < 1000 ? n "" : sprintf("%d,%03d", n / 1000, n % 1000) }

function print_heading(   n) {
  n = all_errors[p] + 0
  printf "<text x=\"%d\" y=\"%d\" class=\"heading\">%s</text>\n", left,
    base - height - 30, titles[p]
  printf "<text x=\"%d\" y=\"%d\" class=\"heading right %s\">%s client error%s</text>\n", right,
    base - height - 30, (n > 32 ? "bad" : "good"), grouped(n), (n == 1 ? "" : "s")
}

function print_axes(   value, second) {
  for (value = 0; value <= 2 * rate; value += rate) {
    printf "<path d=\"M%d %.1fH%d\" class=\"grid\"/>\n", left, y_of(value * slice), right
    printf "<text x=\"%d\" y=\"%.1f\" class=\"right\">%s</text>\n", left - 8,
      y_of(value * slice) + 4, grouped(value)
  }
  for (second = 0; second <= seconds; second += 2) {
    printf "<text x=\"%.1f\" y=\"%d\" class=\"%s\">%d s</text>\n", x_of(second / slice), base + 17,
      (second == seconds ? "right" : "middle"), second
  }
}

function y_of(value) { return base - height * (value > most ? most : value) / most }

# Two marks that are close have their texts on either side.
function side_of(i) {
  if (i < marks[p] && mark_at[p, i + 1] - mark_at[p, i] < 2) return "right"
  if (i > 1 && mark_at[p, i] - mark_at[p, i - 1] < 2) return ""
  return "middle"
}

function print_marks(   i, x) {
  for (i = 1; i <= marks[p]; ++i) {
    x = x_of(mark_at[p, i] / slice)
    printf "<path d=\"M%.1f %dV%.1f\" class=\"mark\"/>\n", x, base, base - height - 6
    printf "<text x=\"%.1f\" y=\"%.1f\" class=\"mark-text %s\">%s</text>\n", x,
      base - height - 9, side_of(i), mark_text[p, i]
  }
}

function print_stairs(values, class,   i, value, y) {
  printf "<path class=\"%s\" d=\"M%d %.1f", class, left, base
  for (i = 0; i < limit; ++i) {
    value = (p, i) in values ? values[p, i] : 0
    y = y_of(value)
    if (value > 0 && y > base - 3) y = base - 3
    printf "V%.1fH%.1f", y, x_of(i + 1)
  }
  printf "V%.1fZ\"/>\n", base
}

function print_key(x, class, text) {
  printf "<rect x=\"%d\" y=\"50\" width=\"11\" height=\"11\" class=\"%s\"/>\n", x, class
  printf "<text x=\"%d\" y=\"60\">%s</text>\n", x + 17, text
}

function print_head(   full) {
  full = top + panels * panel + 6
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" " \
    "height=\"%d\" role=\"img\">\n", width, full, width, full
  print "<title>The same two failovers, three ways, as clients see them</title>"
  print "<style>"
  print "svg { font-family: system-ui, 'DejaVu Sans', sans-serif; }"
  print "text { font-size: 12px; fill: #57606a; }"
  print ".title { font-size: 18px; font-weight: 600; fill: #1f2328; }"
  print ".heading { font-size: 14px; font-weight: 600; fill: #1f2328; }"
  print ".right { text-anchor: end; } .middle { text-anchor: middle; }"
  print ".paper { fill: #ffffff; stroke: #d8dee4; } .grid { stroke: #d8dee4; }"
  print ".mark { stroke: #6e7781; stroke-dasharray: 3 3; } .mark-text { font-size: 11px; }"
  print ".answers { fill: #cfe3fa; stroke: #0969da; } .errors { fill: #cf222e; }"
  print ".bad { fill: #cf222e; } .good { fill: #1a7f37; } .answers-key { fill: #0969da; }"
  print "@media (prefers-color-scheme: dark) { text { fill: #9198a1; }"
  print ".title, .heading { fill: #e6edf3; } .paper { fill: #0d1117; stroke: #2b323b; }"
  print ".grid { stroke: #2b323b; } .answers { fill: #17304f; stroke: #58a6ff; }"
  print ".errors, .bad { fill: #ff6a61; } .good { fill: #3fb950; }"
  print ".answers-key { fill: #58a6ff; } }"
  print "</style>"
  printf "<rect x=\".5\" y=\".5\" width=\"%d\" height=\"%d\" rx=\"8\" class=\"paper\"/>\n",
    width - 1, full - 1
  printf "<text x=\"%d\" y=\"34\" class=\"title\">%s</text>\n", left,
    "The same two failovers, three ways, as clients see them"
  print_key(left, "answers-key", "rows acknowledged per second")
  print_key(left + 240, "errors", "errors per second")
}
