"""Pictures of a score over time, drawn here as SVG: 500 points at the most, binned above."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from markupsafe import Markup, escape

from dashboards.language import _

MOST = 500
SMALL = 60
_DAY, _EPOCH = 86_400.0, 719_163.0


@dataclass(frozen=True, slots=True)
class Point:
    """A pair's score at one position; what could not be computed is None."""

    position: int
    at: float
    n: int
    ic: float | None
    ic025: float | None
    ic975: float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture, the labels of its axes from top to bottom, and what it shows in words."""

    svg: Markup
    ticks: tuple[str, ...]
    words: str


def binned(points: Sequence[Point], most: int = MOST) -> list[Point]:
    """At most `most` points in the same order.

    A bin stands at its last point, with the lowest lower and the highest upper limit in it, so
    that no excursion of the limits is lost.

    >>> points = [Point(i, 0.0, i, 0.0, -i, i) for i in range(4)]
    >>> [(p.position, p.ic025, p.ic975) for p in binned(points, 2)]
    [(1, -1, 1), (3, -3, 3)]
    """
    if len(points) <= most:
        return list(points)
    out = []
    for i in range(most):
        part = points[i * len(points) // most : (i + 1) * len(points) // most]
        last = part[-1]
        lower = [p.ic025 for p in part if p.ic025 is not None]
        upper = [p.ic975 for p in part if p.ic975 is not None]
        out.append(
            Point(
                last.position,
                last.at,
                last.n,
                last.ic,
                min(lower, default=None),
                max(upper, default=None),
            )
        )
    return out


def small(points: Sequence[Point], label: str) -> Plot | None:
    """A picture the size of a line of text; None where there is nothing to draw."""
    return _plot(points, SMALL, label, (120, 32))


def large(points: Sequence[Point], label: str, dated: Sequence[float] = ()) -> Plot | None:
    """A picture the width of the page; None where there is nothing to draw.

    `dated`: days (ordinals) that are marked, between the points that were computed about them.
    """
    return _plot(points, MOST, label, (1000, 240), dated)


def span(points: Sequence[Point]) -> tuple[float, float]:
    """The days (UTC, ordinals) from the first point to the last; none where there is no point.

    >>> span([Point(1, 0.0, 1, None, None, None), Point(2, 86_400.0, 1, None, None, None)])
    (719163.0, 719164.0)
    """
    if not points:
        return (0.0, -1.0)
    return points[0].at / _DAY + _EPOCH, points[-1].at / _DAY + _EPOCH


def words(points: Sequence[Point]) -> str:
    """What a picture shows, for those who do not see it.

    >>> words([Point(1, 0.0, 1, -0.5, -3.0, 1.0), Point(2, 0.0, 5, 1.5, 0.25, 2.0)])
    'IC -0.50 at n = 1, then 1.50 at n = 5, over 2 changes; IC025 now 0.25, above 0.'
    """
    known = [p for p in points if p.ic is not None]
    if not known:
        return _("No score could be computed yet.")
    first, last = known[0], known[-1]
    text = _("IC {ic:.2f} at n = {n}", ic=first.ic, n=first.n)
    if len(known) > 1:
        text += _(
            ", then {ic:.2f} at n = {n}, over {count} changes",
            ic=last.ic,
            n=last.n,
            count=len(known),
        )
    if last.ic025 is not None:
        above = last.ic025 > 0
        text += (
            _("; IC025 now {ic025:.2f}, above 0", ic025=last.ic025)
            if above
            else _("; IC025 now {ic025:.2f}, not above 0", ic025=last.ic025)
        )
    return text + "."


def _plot(
    points: Sequence[Point],
    most: int,
    label: str,
    size: tuple[int, int],
    dated: Sequence[float] = (),
) -> Plot | None:
    width, height = size
    shown = [p for p in binned(points, most) if p.ic is not None]
    if not shown:
        return None
    values = [v for p in shown for v in (p.ic, p.ic025, p.ic975) if v is not None] + [0.0]
    step = _step(max(values) - min(values))
    low, high = floor(min(values) / step), ceil(max(values) / step)
    high = high if high > low else low + 1

    def x(i: int) -> str:
        # one point alone is drawn as a line across
        return f"{i * width / max(1, len(shown) - 1):.1f}"

    def y(value: float) -> str:
        return f"{height - (value / step - low) / (high - low) * height:.1f}"

    upper = [f"{x(i)},{y(p.ic975)}" for i, p in enumerate(shown) if p.ic975 is not None]
    lower = [f"{x(i)},{y(p.ic025)}" for i, p in enumerate(shown) if p.ic025 is not None]
    line = [f"{x(i)},{y(p.ic)}" for i, p in enumerate(shown) if p.ic is not None]
    if len(shown) == 1:
        upper += [f"{width},{at.partition(',')[2]}" for at in upper]
        lower += [f"{width},{at.partition(',')[2]}" for at in lower]
        line += [f"{width},{line[0].partition(',')[2]}"]
    text = words(points)
    computed = [p.at / _DAY + _EPOCH for p in shown]
    marks = " ".join(f"M{x(bisect(computed, day))} 0V{height}" for day in dated)
    svg = Markup(
        '<svg class="score" viewBox="0 0 {0} {1}" preserveAspectRatio="none" role="img" '
        'aria-label="{2}"><polygon class="band" points="{3}"/>'
        '<line class="zero" x1="0" x2="{0}" y1="{4}" y2="{4}"/>'
        '<polyline class="lower" points="{5}"/><polyline class="line" points="{6}"/>{7}</svg>'
    ).format(
        width,
        height,
        escape(f"{label}: {text}"),
        " ".join(upper + lower[::-1]),
        y(0),
        " ".join(lower),
        " ".join(line),
        Markup('<path class="dated" d="{}"/>').format(marks) if marks else "",
    )
    ticks = tuple(f"{tick * step:g}".replace("-", "−") for tick in range(high, low - 1, -1))
    return Plot(svg, ticks, text)


def _step(span: float) -> float:
    """The distance of ticks that gives no more than eight of them."""
    return next((step for step in (0.5, 1, 2, 5, 10) if span / step <= 6), 20)
