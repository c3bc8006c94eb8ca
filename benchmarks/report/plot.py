"""Draws the cost of an operation against a number, both on logarithmic axes, as an SVG."""

import html
import math

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 40, 40, 90
_COLOURS = ("#1f5fa8", "#8fb8e0", "#b8461e", "#e8b49a")


class _Axis:
    """Maps powers of ten to a stretch of the drawing."""

    def __init__(self, values, begin, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(values))))
        self._begin, self._end = begin, end

    def __call__(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self._begin + part * (self._end - self._begin)

    def ticks(self):
        return [10**power for power in range(self.low, self.high + 1)]


def _text(x, y, words, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(words)}</text>'


def _line(x1, y1, x2, y2, colour):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _time(nanoseconds):
    for unit, size in (("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:g} {unit}"
    return f"{nanoseconds:g} ns"


def _grid(x, y, axis_name):
    for value in x.ticks():
        yield _line(x(value), y(y.ticks()[0]), x(value), y(y.ticks()[-1]), "#ddd")
        yield _text(x(value), _HEIGHT - _BOTTOM + 16, f"{value:,}")
    for value in y.ticks():
        yield _line(x(x.ticks()[0]), y(value), x(x.ticks()[-1]), y(value), "#ddd")
        yield _text(_LEFT - 6, y(value) + 4, _time(value), "end")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - _BOTTOM + 34, axis_name)


def _curve(x, y, points, colour):
    path = " ".join(f"{x(number):.1f},{y(cost):.1f}" for number, cost in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for number, cost in points:
        yield f'<circle cx="{x(number):.1f}" cy="{y(cost):.1f}" r="3" fill="{colour}"/>'


def _legend(titles):
    for i, title in enumerate(titles):
        column, line = i % 2, i // 2
        left = _LEFT + column * 280
        top = _HEIGHT - 32 + line * 18
        yield f'<rect x="{left}" y="{top - 9}" width="12" height="10" fill="{_COLOURS[i]}"/>'
        yield _text(left + 18, top, title, "start")


def draw(title, axis_name, curves):
    """Returns the SVG. `curves` maps titles to points: pairs of a number and a cost in ns."""
    numbers = [number for points in curves.values() for number, _ in points]
    costs = [cost for points in curves.values() for _, cost in points]
    x = _Axis(numbers, _LEFT, _WIDTH - _RIGHT)
    y = _Axis(costs, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_WIDTH / 2, 22, title, more=' font-size="15"'),
        *_grid(x, y, axis_name),
    ]
    for colour, points in zip(_COLOURS, curves.values()):
        parts += _curve(x, y, points, colour)
    parts += _legend(curves)
    return "\n".join([*parts, "</svg>", ""])
