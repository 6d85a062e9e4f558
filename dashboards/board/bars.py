"""Pictures of counts: one bar each, in a row, drawn here as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from markupsafe import Markup, escape

from dashboards.language import _, thousands

MOST = 500
_WIDTH, _HEIGHT = 1000, 150
_WIDEST = 90


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture with the labels of its axis from top to bottom and of its bars, and its words."""

    title: str
    svg: Markup
    ticks: tuple[str, ...]
    labels: tuple[str, ...]
    words: str


def bars(title: str, counts: Sequence[tuple[str, int]], marks: Sequence[float] = ()) -> Bars | None:
    """The picture, of neighbours together where there are very many; None where all are 0.

    `marks`: strokes over the whole height, as shares of the width from the left.

    >>> drawn = bars("Reports by month", [("2026-01", 2), ("2026-02", 4)])
    >>> drawn.ticks, drawn.words
    (('4', '2', '0'), 'Reports by month: 2 in 2026-01, 4 in 2026-02.')
    """
    size = ceil(len(counts) / MOST) or 1
    held = [
        (counts[i][0], sum(n for _, n in counts[i : i + size])) for i in range(0, len(counts), size)
    ]
    most = max((n for _, n in held), default=0)
    if not most:
        return None
    top = _top(most)
    step = _WIDTH / len(held)
    wide = min(0.8 * step, _WIDEST)
    parts = []
    for i, (__, n) in enumerate(held):
        height = n / top * _HEIGHT
        parts.append(
            Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                (i + 0.5) * step - wide / 2, _HEIGHT - height, wide, height
            )
        )
    at = " ".join(f"M{mark * _WIDTH:.1f} 0V{_HEIGHT}" for mark in marks)
    parts.append(Markup('<path class="dated" d="{}"/>').format(at))
    said = [_("{n:,} in {label}", n=n, label=label) for label, n in held if n]
    words = ", ".join(said) if len(said) <= 12 else f"{', '.join(said[:3])}, … {said[-1]}"
    words = f"{title}: {words}."
    svg = Markup(
        '<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, escape(words), Markup("").join(parts))
    whole = (top, *((top // 2,) if top % 2 == 0 else ()), 0)
    ticks = tuple(thousands(f"{tick:,}") for tick in whole)
    return Bars(title, svg, ticks, tuple(label for label, _ in held), words)


def _top(most: int) -> int:
    """The end of the axis: 1, 2 or 5 times a power of ten, or 4 where that is nearer."""
    size = int(10 ** (len(str(most)) - 1))
    return next(top for top in (size, 2 * size, 4 * size, 5 * size, 10 * size) if top >= most)
