"""Judges the rows, and prints them."""

import statistics
from dataclasses import dataclass
from typing import Optional

from measure import median_of, time_of
from rows import AtMost, Fastest, Quotient, Time, TimesFloor

_PER_UNIT = {"ns": 1.0, "ms": 1e6, "bytes": 1.0, "MB": 1e6, "x": 1.0}


@dataclass(frozen=True)
class Verdict:
    title: str
    unit: str
    library: Optional[float]
    floor: Optional[float]
    ratio: Optional[float]
    promised: bool
    limit: Optional[float]  # in the row's unit
    scaled: float  # how much slower than on the reference machine the floor was
    of_floor: Optional[float]  # the limit as a multiple of the floor, if it is promised as one
    met: Optional[bool]
    other: Optional[tuple]
    headline: str


def _by_round(samples, figure):
    """Returns the figure of each round, or one value if the figure was measured only once."""
    if figure is None:
        return {}
    if isinstance(figure, Quotient):
        over, under = _by_round(samples, figure.over), _by_round(samples, figure.under)
        return {number: over[number] / under[number] for number in over if number in under}
    rounds = samples.rounds(figure.benchmark)
    if isinstance(figure, Fastest):
        times = [time_of(result) for results in rounds.values() for result in results]
        return {0: min(times)} if times else {}
    value = time_of if isinstance(figure, Time) else lambda result: result[figure.counter]
    return {number: median_of(results, value) for number, results in rounds.items()}


def _median(values):
    values = list(values)
    return statistics.median(values) if values else None


def judge(samples, row):
    per_unit = _PER_UNIT[row.unit]
    library_rounds = _by_round(samples, row.library)
    floor_rounds = _by_round(samples, row.floor)
    library = _median(library_rounds.values())
    floor = _median(floor_rounds.values())
    ratio = _median(
        library_rounds[number] / floor_rounds[number]
        for number in library_rounds
        if number in floor_rounds
    )
    if ratio is None and None not in (library, floor):
        ratio = library / floor
    scaled, of_floor, limit, met = 1.0, None, None, None
    if isinstance(row.limit, AtMost):
        if row.limit.floor is not None and floor is not None:
            scaled = max(1.0, floor / per_unit / row.limit.floor)
        limit = row.limit.most * scaled
        if library is not None:
            met = library / per_unit <= limit
    elif isinstance(row.limit, TimesFloor):
        of_floor = row.limit.most
        if ratio is not None:
            met = ratio <= of_floor
            limit = floor / per_unit * of_floor
    other = None
    if row.other is not None:
        name, figure = row.other
        value = _median(_by_round(samples, figure).values())
        if value is not None:
            other = (name, value / per_unit)
    return Verdict(
        title=row.title,
        unit=row.unit,
        library=None if library is None else library / per_unit,
        floor=None if floor is None else floor / per_unit,
        ratio=ratio,
        promised=row.limit is not None,
        limit=limit,
        scaled=scaled,
        of_floor=of_floor,
        met=met,
        other=other,
        headline=row.headline,
    )


def _number(value):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _figure(value, unit):
    if value is None:
        return "-"
    return f"{_number(value)}x" if unit == "x" else f"{_number(value)} {unit}"


def _target(verdict):
    if not verdict.promised:
        return "-"
    if verdict.of_floor is not None:
        return f"{verdict.of_floor:g}x the floor"
    if verdict.unit == "x":
        target = f"{verdict.limit / verdict.scaled:g}x"
    else:
        target = f"{verdict.limit / verdict.scaled:g} {verdict.unit}"
    return target if verdict.scaled < 1.005 else f"{target} (x{verdict.scaled:.2f})"


_MET = {True: "yes", False: "NO", None: "machine busy"}


def _met(verdict):
    return _MET[verdict.met] if verdict.promised else "-"


_HEAD = ("what", "library", "floor", "ratio", "at most", "met", "another solution")


def _cells(verdict):
    other = "-"
    if verdict.other is not None:
        other = f"{_figure(verdict.other[1], verdict.unit)}, {verdict.other[0]}"
    return (
        verdict.title,
        _figure(verdict.library, verdict.unit),
        _figure(verdict.floor, verdict.unit),
        "-" if verdict.ratio is None else f"{verdict.ratio:.2f}x",
        _target(verdict),
        _met(verdict),
        other,
    )


def as_text(verdicts):
    lines = [_HEAD, *map(_cells, verdicts)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    for number, line in enumerate(lines):
        yield "  ".join(
            cell.rjust(width) if 0 < i < 4 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)


def as_markdown(verdicts):
    yield "| " + " | ".join(_HEAD) + " |"
    yield "|---|--:|--:|--:|---|---|---|"
    for verdict in verdicts:
        yield "| " + " | ".join(_cells(verdict)) + " |"


def as_headlines(verdicts):
    """The few rows that README.md shows."""
    yield "| | this library | another solution |"
    yield "|---|--:|---|"
    for verdict in verdicts:
        if verdict.headline:
            cells = _cells(verdict)
            yield f"| {verdict.headline} | {cells[1]} | {cells[-1]} |"


def as_json(verdicts):
    return [
        {
            "what": verdict.title,
            "unit": verdict.unit,
            "library": verdict.library,
            "floor": verdict.floor,
            "ratio": verdict.ratio,
            "at_most": verdict.limit,
            "met": verdict.met,
            "other": None
            if verdict.other is None
            else {"what": verdict.other[0], "value": verdict.other[1]},
        }
        for verdict in verdicts
    ]
