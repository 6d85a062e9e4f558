"""What explains a signal of reports: against whom, in whom, what hides it, when, how grave.

All of it is computed from the cases as of one position, by what computes it for a report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from dashboards.analysis import series
from dashboards.analysis.figures import Features, Line, Masking, Onset, Part, Relative
from dashboards.analysis.standing import Standing
from dashboards.board.bars import Bars, bars
from dashboards.board.exposed import Exposed, exposed
from dashboards.board.forest import Forest, forest
from dashboards.board.forest import Line as Row
from dashboards.board.milestones import Milestone, milestones
from dashboards.board.rates import NOTHING, Limits
from dashboards.language import _, mark
from detectors.subgroups import ALL
from schemas import times
from schemas.vocabulary import Vocabulary

# days after the start, the last of each interval
INTERVALS = (
    (mark("day 0"), 0),
    (mark("1 to 7 days"), 7),
    (mark("8 to 30 days"), 30),
    (mark("31 to 90 days"), 90),
    (mark("91 to 365 days"), 365),
    (mark("over a year"), None),
)
_MONTH = 7  # characters of a date that names a month


@dataclass(frozen=True, slots=True)
class Received:
    """Cases by month of receipt, with the dates that lie among them."""

    months: tuple[tuple[str, int], ...]
    picture: Bars | None
    milestones: tuple[Milestone, ...]


@dataclass(frozen=True, slots=True)
class Depth:
    """One pair in depth, as of a position.

    `comparators` are cells of the whole population, with and without the product's dominant other
    event; `subgroups` those against all products.
    """

    position: int
    comparators: tuple[Part, ...]
    subgroups: tuple[Part, ...]
    picture: Forest | None
    relative: tuple[Relative, ...]
    masking: Masking | None
    onset: Onset
    intervals: tuple[tuple[str, int], ...]
    times: Bars | None
    features: Features
    seriousness: tuple[tuple[str, int], ...]
    outcomes: tuple[tuple[str, int], ...]
    received: Received
    exposed: tuple[Exposed, ...]


def depth(
    connection: Connection, standing: Standing, pair: tuple[str, str, str], vocabulary: Vocabulary
) -> Depth:
    """The pair (dataset, product, event) in depth."""
    dataset, product, event = pair
    terms: tuple[str, ...] = (event,)
    if event.startswith("group:"):
        terms = tuple(vocabulary.groups().get(event.removeprefix("group:"), ()))
    position, cases = standing.cases(connection, pair)
    __, population = standing.population(connection, dataset)
    lines = [series.line(case, case.body(), product, terms, vocabulary) for case in cases]
    parts = population.parts(product, event)
    subgroups = tuple(p for p in parts if p.comparator == "all products" and not p.without)
    onset = series.time_to_onset(lines)
    intervals = by_interval(onset.days)
    return Depth(
        position=position,
        comparators=tuple(part for part in parts if part.subgroup == ALL),
        subgroups=subgroups,
        picture=_picture(subgroups),
        relative=population.relative(product, event),
        masking=population.masking(product, event),
        onset=onset,
        intervals=intervals,
        times=bars(_("Cases by time to onset"), intervals),
        features=series.features(cases, lines),
        seriousness=_tally(lines, _seriousness),
        outcomes=_tally(lines, lambda line: [line.outcome or series.NOT_STATED]),
        received=_received(product, lines),
        exposed=exposed(connection, product, (line.sender for line in lines)),
    )


def by_interval(days: Iterable[int]) -> tuple[tuple[str, int], ...]:
    """How many times to onset lie in each of `INTERVALS`.

    >>> [n for _, n in by_interval([0, 0, 1, 7, 8, 366, 4000])]
    [2, 2, 1, 0, 0, 2]
    """
    counts = [0] * len(INTERVALS)
    for day in days:
        counts[
            next(i for i, (__, last) in enumerate(INTERVALS) if last is None or day <= last)
        ] += 1
    return tuple((_(name), n) for (name, __), n in zip(INTERVALS, counts, strict=True))


def _picture(parts: Sequence[Part]) -> Forest | None:
    rows = []
    for part in parts:
        axis = part.subgroup.partition("=")[0]
        found = NOTHING
        if part.prr is not None and part.prr_lower is not None:
            found = Limits(part.prr, part.prr_lower, part.prr_upper)
        name = _("everybody") if axis == ALL else named(part.subgroup)
        rows.append(Row(name, "s0", found, _text(part, found), axis == ALL))
    return forest(rows, 2, mark=1)


def named(part: str) -> str:
    """A part of the population in words.

    >>> named("sex=female")
    'sex: female'
    """
    axis, __, value = part.partition("=")
    return f"{_(axis)}: {_(value.replace('_', ' '))}"


def _text(part: Part, found: Limits) -> str:
    counts = _("{n:,} of {total:,}", n=part.n, total=part.n_product)
    if found.value is None:
        return _("{counts}: no PRR", counts=counts)
    lower, upper = (f"{x:.2f}" if x is not None else "–" for x in found[1:])
    return _(
        "{counts}: {value:.2f} ({lower} to {upper})",
        counts=counts,
        value=found.value,
        lower=lower,
        upper=upper,
    )


def _tally(
    lines: Iterable[Line], values: Callable[[Line], Iterable[str]]
) -> tuple[tuple[str, int], ...]:
    counted = Counter(value for line in lines for value in set(values(line)))
    return tuple(sorted(counted.items(), key=lambda one: (-one[1], one[0])))


def _seriousness(line: Line) -> Iterable[str]:
    if line.outcome == "fatal":
        return {*line.seriousness, "death"}
    return line.seriousness or ((mark("serious, criterion not stated"),) if line.serious else ())


def _received(product: str, lines: Iterable[Line]) -> Received:
    counted = Counter(
        line.received_at[:_MONTH] for line in lines if len(line.received_at) >= _MONTH
    )
    if not counted:
        return Received((), None, ())
    first, last = min(counted), max(counted)
    months = list(_months(first, last))
    begin, end = (times.day(month) for month in (months[0], _next(months[-1])))
    found = milestones(product, begin, end - 1)
    counts = tuple((month, counted[month]) for month in months)
    marks = [(one.day - begin) / (end - begin) for one in found]
    return Received(counts, bars(_("Cases by month of receipt"), counts, marks), found)


def _months(first: str, last: str) -> Iterable[str]:
    month = first
    while month <= last:
        yield month
        month = _next(month)


def _next(month: str) -> str:
    """The month after.

    >>> _next("2025-12")
    '2026-01'
    """
    day = date.fromisoformat(f"{month}-28").toordinal() + 4
    return date.fromordinal(day).isoformat()[:_MONTH]
