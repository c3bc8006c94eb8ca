"""Runs the benchmarks and prints the table. scripts/bench is the way to call it."""

import argparse
import json
import os
import pathlib
import re
import sys

import measure
import plot
import table
from rows import FAMILIES, PLOTS, ROWS

_BEGIN = "<!-- scripts/bench: begin -->"
_END = "<!-- scripts/bench: end -->"
_PLOT_FILES = ("performance-shards.svg", "performance-held.svg")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--plot", type=pathlib.Path)
    parser.add_argument("--docs", type=pathlib.Path)
    return parser.parse_args()


def progress(words):
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)
    else:
        print(words, file=sys.stderr, flush=True)


def benchmarks_in(figure):
    if hasattr(figure, "benchmark"):
        return [figure.benchmark]
    return benchmarks_in(figure.over) + benchmarks_in(figure.under)


def rows_and_families(pattern):
    rows = [row for row in ROWS if re.search(pattern, row.title)]
    if not rows:
        sys.exit(f"no row matches {pattern!r}")
    if not pattern:
        return rows, FAMILIES
    used = {
        name.split("/")[0]
        for row in rows
        for figure in (row.library, row.floor)
        if figure is not None
        for name in benchmarks_in(figure)
    }
    return rows, [family for family in FAMILIES if family.name in used]


def note(samples, rounds, load):
    words = f"Medians of {rounds} rounds on {os.cpu_count()} processors, load average {load:.1f} before."
    if load > 1.5:
        words += " The machine is busy with other things: expect noise where threads share work."
    if samples.disturbed:
        count = sum(samples.disturbed.values())
        words += f" Left out, for want of a processor per thread: {count} samples."
    return words


def drawings(samples):
    for drawing in PLOTS:
        curves = {}
        for curve in drawing.curves:
            points = []
            for number in drawing.numbers:
                rounds = samples.rounds(curve.benchmark.format(number))
                results = [result for round_ in rounds.values() for result in round_]
                points.append((number, measure.median_of(results, measure.time_of)))
            curves[curve.title] = points
        yield plot.draw(drawing.title, drawing.axis, curves)


def write_plots(samples, folder):
    for name, svg in zip(_PLOT_FILES, drawings(samples)):
        (folder / name).write_text(svg, encoding="utf-8")


def refresh(document, markdown):
    """Replaces what stands between the two marks."""
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    document.write_text(f"{before}{_BEGIN}\n{markdown}\n{_END}{after}", encoding="utf-8")


def main():
    arguments = parse_arguments()
    rounds = 1 if arguments.quick else arguments.rounds
    rows, families = rows_and_families(arguments.only)
    load = os.getloadavg()[0]
    samples = measure.measure(arguments.binary, families, rounds, arguments.quick, progress)
    if sys.stderr.isatty():
        progress("")
    verdicts = [table.judge(samples, row) for row in rows]
    if arguments.json:
        document = {
            "note": note(samples, rounds, load),
            "rows": table.as_json(verdicts),
            "nanoseconds": samples.all(),
        }
        print(json.dumps(document, indent=1))
    elif arguments.markdown:
        print("\n".join([*table.as_markdown(verdicts), "", note(samples, rounds, load)]))
    else:
        print("\n".join([*table.as_text(verdicts), "", note(samples, rounds, load)]))
    if arguments.plot:
        write_plots(samples, arguments.plot)
    if arguments.docs:
        markdown = "\n".join([*table.as_markdown(verdicts), "", note(samples, rounds, load)])
        refresh(arguments.docs / "performance.md", markdown)
        refresh(arguments.docs.parent / "README.md", "\n".join(table.as_headlines(verdicts)))
        write_plots(samples, arguments.docs)
    if arguments.check and any(verdict.promised and not verdict.met for verdict in verdicts):
        sys.exit(1)


main()
