#!/usr/bin/env python3
"""Draws what a Prometheus knows of the requests that were held, as an SVG with marks.

Ends with 1 if nothing was held after one of the marks, or if something is still held at the end.
"""

import argparse
import html
import json
import math
import pathlib
import sys
import urllib.parse
import urllib.request

WIDTH, HEIGHT = 900, 486
LEFT, RIGHT = 64, 876
# Query, title, unit, top and height of the panel, class of the curve.
PANELS = (
    ("sum(failover_requests_held)", "failover_requests_held", "", 92, 140, "held"),
    ("max(failover_oldest_request_held_seconds)", "failover_oldest_request_held_seconds", " s", 306,
     140, "oldest"),
)
STYLE = """
svg { font-family: system-ui, 'DejaVu Sans', sans-serif; }
text { font-size: 12px; fill: #57606a; }
.title { font-size: 18px; font-weight: 600; fill: #1f2328; }
.heading { font-size: 14px; font-weight: 600; fill: #1f2328; }
.right { text-anchor: end; } .middle { text-anchor: middle; }
.paper { fill: #ffffff; stroke: #d8dee4; } .grid { stroke: #d8dee4; }
.mark { stroke: #6e7781; stroke-dasharray: 3 3; } .mark-text { font-size: 11px; }
.held { fill: #cfe3fa; stroke: #0969da; } .oldest { fill: #fbe3c4; stroke: #9a6700; }
@media (prefers-color-scheme: dark) { text { fill: #9198a1; }
.title, .heading { fill: #e6edf3; } .paper { fill: #0d1117; stroke: #2b323b; }
.grid { stroke: #2b323b; } .held { fill: #17304f; stroke: #58a6ff; }
.oldest { fill: #3d2e10; stroke: #d29922; } }
"""

Points = list[tuple[float, float]]
Marks = list[tuple[float, str]]


def series(prometheus: str, query: str, begin: float, end: float, step: float) -> Points:
    """The values of a query over a time, in seconds since its beginning."""
    parameters = urllib.parse.urlencode({"query": query, "start": begin, "end": end, "step": step})
    url = f"{prometheus}/api/v1/query_range?{parameters}"
    with urllib.request.urlopen(url, timeout=20) as response:
        result = json.load(response)["data"]["result"]
    if not result:
        raise SystemExit(f"Prometheus has no values of {query}")
    return [(float(time) - begin, float(value)) for time, value in result[0]["values"]]


def top_of_axis(points: Points) -> float:
    """The least of 1, 2 or 5 times a power of ten that no point is above."""
    most = max(value for _, value in points) or 1
    power = 10 ** math.floor(math.log10(most))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= most)


def text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{html.escape(words)}</text>'


def panel(points: Points, marks: Marks, seconds: float, shape: tuple) -> list[str]:
    _, title, unit, top, height, kind = shape
    limit, base = top_of_axis(points), top + height

    def x_of(time: float) -> float:
        return LEFT + (RIGHT - LEFT) * time / seconds

    parts = [text(LEFT, top - 26, title, "heading")]
    for share in (0.0, 0.5, 1.0):
        y = base - height * share
        parts.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" class="grid"/>')
        parts.append(text(LEFT - 8, y + 4, f"{limit * share:g}{unit}", "right"))
    for second in range(0, int(seconds) + 1, 5):
        parts.append(text(x_of(second), base + 17, f"{second} s", "middle"))
    path = "".join(f"L{x_of(t):.1f} {base - height * value / limit:.1f}" for t, value in points)
    first, last = x_of(points[0][0]), x_of(points[-1][0])
    parts.append(f'<path class="{kind}" d="M{first:.1f} {base}{path}L{last:.1f} {base}Z"/>')
    for time, words in marks:
        parts.append(f'<path d="M{x_of(time):.1f} {base}V{top - 8}" class="mark"/>')
        parts.append(text(x_of(time), top - 11, words, "mark-text middle"))
    return parts


def drawing(curves: list[Points], marks: Marks, seconds: float) -> str:
    title = "Held requests through a switchover and a crash, as Prometheus saw them"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8" class="paper"/>',
        text(LEFT, 34, title, "title"),
    ]
    for points, shape in zip(curves, PANELS):
        parts += panel(points, marks, seconds, shape)
    return "\n".join([*parts, "</svg>", ""])


def problems(held: Points, marks: Marks, seconds: float) -> list[str]:
    """What a reader of the drawing would miss."""
    found = []
    ends = [time for time, _ in marks[1:]] + [seconds]
    for (begin, words), end in zip(marks, ends):
        if not any(value > 0 for time, value in held if begin <= time <= end):
            found.append(f"nothing was held after: {words}")
    if held[-1][1] != 0:
        found.append("something is still held at the end")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", required=True, help="the URL of Prometheus")
    parser.add_argument("--begin", type=float, required=True, help="in seconds since 1970")
    parser.add_argument("--end", type=float, required=True, help="the same")
    parser.add_argument("--step", type=float, default=0.2, help="in seconds (default: 0.2)")
    parser.add_argument("--mark", action="append", default=[], metavar="TIME=TEXT",
                        help="what was done when; the option may be repeated")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the SVG")
    arguments = parser.parse_args()
    marks = []
    for mark in arguments.mark:
        time, words = mark.split("=", 1)
        marks.append((float(time) - arguments.begin, words))
    seconds = arguments.end - arguments.begin
    curves = [series(arguments.prometheus, shape[0], arguments.begin, arguments.end, arguments.step)
              for shape in PANELS]
    arguments.output.write_text(drawing(curves, marks, seconds), encoding="utf-8")
    found = problems(curves[0], marks, seconds)
    print("\n".join(found) or f"{max(value for _, value in curves[0]):g} held at the most")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
