"""Pictures of what was measured over a course: lines over days, doses and findings marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor, log10

from markupsafe import Markup, escape

from dashboards.language import _

MOST = 500
_WIDTH, _HEIGHT = 1000, 180
_DOSE = 8  # height of a dose's mark


@dataclass(frozen=True, slots=True)
class Line:
    """One quantity: (day as an ordinal with its fraction, value), in the order of time."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture with its axes' labels from top to bottom, its lines' names, and words for it."""

    title: str
    svg: Markup
    ticks: tuple[str, ...]
    first: str
    last: str
    lines: tuple[str, ...]
    words: str


def binned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most `most` points: of each bin the lowest and the highest value, in order of time.

    >>> binned([(0.0, 1.0), (1.0, 5.0), (2.0, 0.0), (3.0, 2.0)], 2)
    [(1.0, 5.0), (2.0, 0.0)]
    """
    if len(points) <= most:
        return list(points)
    bins = max(1, most // 2)
    out: list[tuple[float, float]] = []
    for i in range(bins):
        part = points[i * len(points) // bins : (i + 1) * len(points) // bins]
        extremes = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        out += sorted(extremes)
    return out


def chart(
    title: str,
    lines: Sequence[Line],
    span: tuple[float, float],
    doses: Sequence[float] = (),
    marks: Sequence[float] = (),
    *,
    dated: Sequence[float] = (),
) -> Chart | None:
    """A picture over the days of `span`; None where nothing was measured.

    Doses are short strokes at the foot, findings (`marks`) and dates of labels, alerts and
    publicity (`dated`) strokes over the whole height.
    """
    shown = [line for line in lines if line.points]
    if not shown:
        return None
    each = MOST // len(shown)
    drawn = [Line(line.label, tuple(binned(line.points, each))) for line in shown]
    values = [value for line in drawn for _, value in line.points]
    step = _step(max(values) - min(values) or abs(values[0]) or 1.0)
    low, high = floor(min(values) / step), ceil(max(values) / step)
    high = high if high > low else low + 1
    begin, length = span[0], (span[1] - span[0]) or 1.0

    def x(day: float) -> str:
        return f"{(day - begin) / length * _WIDTH:.1f}"

    def y(value: float) -> str:
        return f"{_HEIGHT - (value / step - low) / (high - low) * _HEIGHT:.1f}"

    foot = f"{_HEIGHT}"
    parts = [
        Markup('<path class="dose" d="{0}"/>').format(
            " ".join(f"M{x(day)} {foot}v-{_DOSE}" for day in _thinned(doses))
        ),
        Markup('<path class="mark" d="{0}"/>').format(
            " ".join(f"M{x(day)} 0V{foot}" for day in _thinned(marks))
        ),
    ]
    if dated:
        at = " ".join(f"M{x(day)} 0V{foot}" for day in dated)
        parts.append(Markup('<path class="dated" d="{0}"/>').format(at))
    for i, line in enumerate(drawn):
        places = [f"{x(day)} {y(value)}" for day, value in line.points]
        parts.append(
            Markup('<polyline class="s{0}" points="{1}"/><path class="dot s{0}" d="{2}"/>').format(
                i % 5, " ".join(places), " ".join(f"M{place}h0" for place in places)
            )
        )
    text = words(shown)
    svg = Markup(
        '<svg class="series" viewBox="0 0 {0} {1}" preserveAspectRatio="none" role="img" '
        'aria-label="{2}">{3}</svg>'
    ).format(_WIDTH, _HEIGHT, escape(f"{title}: {text}"), Markup("").join(parts))
    ticks = tuple(_number(tick * step) for tick in range(high, low - 1, -1))
    ends = (_day(span[0]), _day(span[1]))
    return Chart(title, svg, ticks, *ends, tuple(line.label for line in shown), text)


def words(lines: Sequence[Line]) -> str:
    """What a picture shows, for those who do not see it.

    >>> words([Line("OABSS", ((739000.0, 3.0), (739030.0, 12.0)))])
    'OABSS 3 first, 12 last, 3 to 12 over 2 measurements.'
    """
    out = []
    for line in lines:
        values = [value for _, value in line.points]
        many = _(
            ", {least} to {most} over {n} measurements",
            least=_number(min(values)),
            most=_number(max(values)),
            n=len(values),
        )
        last = _(", {value} last", value=_number(values[-1])) if len(values) > 1 else ""
        first = _("{label} {value} first", label=line.label, value=_number(values[0]))
        out.append(f"{first}{last}{many if len(values) > 1 else ''}.")
    return " ".join(out)


def _thinned(days: Sequence[float]) -> Sequence[float]:
    """So many at the most that they can be told apart."""
    return days[:: ceil(len(days) / MOST)] if len(days) > MOST else days


def _step(span: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that gives about four ticks."""
    size: float = 10.0 ** floor(log10(span))
    return next(size * k for k in (0.2, 0.25, 0.5, 1, 2, 5) if span / (size * k) <= 5)


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _day(day: float) -> str:
    return date.fromordinal(int(day)).isoformat()
