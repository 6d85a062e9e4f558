"""Pictures of estimates with their intervals, one under the other on one logarithmic scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log

from markupsafe import Markup

from dashboards.board.rates import Limits
from dashboards.language import thousands

_WIDTH, _HEIGHT = 1000, 20
_TICKS = 7  # at most
_REACH = 4  # powers that limits may reach beyond the estimates


@dataclass(frozen=True, slots=True)
class Scale:
    """Powers of `base` from `low` to `high`, a tick at each, half a step of room on both sides."""

    base: float
    low: int
    high: int

    def place(self, value: float) -> float:
        """Where a value lies across, 0 to 1000; what is off the scale lies at its edge.

        >>> [Scale(10, -1, 1).place(x) for x in (0.0, 0.1, 1, 1e9)]
        [0.0, 166.7, 500.0, 1000.0]
        """
        if value <= 0:
            return 0.0
        steps = log(value, self.base) - (self.low - 0.5)
        return round(min(max(steps / (self.high - self.low + 1), 0.0), 1.0) * _WIDTH, 1)

    @property
    def ticks(self) -> tuple[str, ...]:
        """The value at each tick.

        >>> Scale(10, -2, 0).ticks, Scale(2, -1, 1).ticks
        (('0.01', '0.1', '1'), ('½', '1', '2'))
        """
        return tuple(self._tick(power) for power in range(self.low, self.high + 1))

    def _tick(self, power: int) -> str:
        value = self.base**power
        if self.base % 10 == 0 or power >= 0:
            return (
                thousands(f"{value:,.0f}")
                if value >= 1
                else f"{value:.{-power * len(f'{self.base:g}'[1:])}f}"
            )
        return {2: "½", 4: "¼"}.get(round(1 / value), f"1/{1 / value:.0f}")


@dataclass(frozen=True, slots=True)
class Line:
    """One estimate: what it is of, in which series, and its numbers in words."""

    label: str
    series: str
    limits: Limits
    text: str
    head: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line with its picture."""

    line: Line
    svg: Markup


@dataclass(frozen=True, slots=True)
class Forest:
    """Lines on one scale, and the values of its ticks."""

    lines: tuple[Drawn, ...]
    ticks: tuple[str, ...]
    has_mark: bool
    has_band: bool


def scale(limits: Iterable[Limits], base: float, mark: float | None = None) -> Scale:
    """A scale on which every estimate lies, and limits unless they are far from all of them.

    >>> scale([Limits(2.0, 1.0, 4.0), Limits(0.0, 0.0, 3.0)], 2, mark=1)
    Scale(base=2, low=0, high=2)
    """
    held = list(limits)
    sure = [x for one in held for x in (one.value,) if x] + ([mark] if mark else [])
    loose = [x for one in held for x in (one.lower, one.upper) if x]
    powers = [log(x, base) for x in sure or loose or [1.0]]
    reach = [log(x, base) for x in loose]
    low, high = min(powers), max(powers)
    low = max(min([low, *reach]), low - _REACH)
    high = min(max([high, *reach]), high + _REACH)
    found = Scale(base, floor(round(low, 9)), ceil(round(high, 9)))
    if found.high - found.low >= _TICKS:
        return scale(held, base**2, mark)
    return found if found.high > found.low else Scale(base, found.low - 1, found.high + 1)


def forest(
    lines: Sequence[Line], base: float, *, mark: float | None = None, band: Limits | None = None
) -> Forest | None:
    """The picture; None where there is nothing to draw.

    `mark`: a value that a stroke goes through; `band`: a reference with its limits.
    """
    drawn = [line.limits for line in lines if line.limits.lower is not None]
    if not drawn:
        return None
    over = scale([*drawn, *([band] if band else [])], base, mark)
    return Forest(
        tuple(Drawn(line, _strip(line, over, mark, band)) for line in lines),
        over.ticks,
        mark is not None,
        band is not None,
    )


def _strip(line: Line, over: Scale, mark: float | None, band: Limits | None) -> Markup:
    parts = []
    if band is not None and band.value is not None and band.lower is not None:
        left = over.place(band.lower)
        right = _WIDTH if band.upper is None else over.place(band.upper)
        parts.append(
            Markup('<rect class="band" x="{}" y="0" width="{}" height="{}"/>').format(
                left, round(max(right - left, 1.0), 1), _HEIGHT
            )
        )
        parts.append(_stroke("of", over.place(band.value)))
    step = _WIDTH / (over.high - over.low + 1)
    grid = " ".join(
        f"M{round((i + 0.5) * step, 1)} 0v{_HEIGHT}" for i in range(over.high - over.low + 1)
    )
    parts.append(Markup('<path class="grid" d="{}"/>').format(grid))
    if mark is not None:
        parts.append(_stroke("mark", over.place(mark)))
    value, lower, upper = line.limits
    middle = _HEIGHT / 2
    if lower is not None:
        right = _WIDTH if upper is None else over.place(upper)
        parts.append(
            Markup('<path class="span {}" d="M{} {:g}H{}"/>').format(
                line.series, over.place(lower), middle, right
            )
        )
    if value:
        parts.append(
            Markup('<path class="dot {}" d="M{} {:g}h0"/>').format(
                line.series, over.place(value), middle
            )
        )
    return Markup(
        '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
        "{}</svg>"
    ).format(_WIDTH, _HEIGHT, Markup("").join(parts))


def _stroke(name: str, at: float) -> Markup:
    return Markup('<path class="{}" d="M{} 0v{}"/>').format(name, at, _HEIGHT)
