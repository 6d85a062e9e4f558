"""Resting blood pressure over a course: its stage, and its slope."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from detectors.followup.finding import Finding
from detectors.followup.vitals import EVENTS, NAME, Parameters

MONTH = 30.4375  # days
BASELINE = 2  # visits


class Visit(msgspec.Struct, frozen=True, array_like=True):
    """A day's readings at rest: sums of `n`, and the last record."""

    day: int
    n: int
    systolic: float
    diastolic: float
    id: str

    @property
    def mean(self) -> tuple[float, float]:
        """Mean systolic and diastolic, mmHg."""
        return self.systolic / self.n, self.diastolic / self.n


class Sums(msgspec.Struct, frozen=True, array_like=True):
    """Running sums of t (days since the first visit) and y (systolic less that of the first)."""

    n: int = 0
    t: float = 0.0
    y: float = 0.0
    tt: float = 0.0
    ty: float = 0.0
    yy: float = 0.0

    def plus(self, t: float, y: float) -> Sums:
        """With one more visit."""
        return Sums(
            self.n + 1,
            self.t + t,
            self.y + y,
            self.tt + t * t,
            self.ty + t * y,
            self.yy + y * y,
        )


class Line(NamedTuple):
    """A slope and its standard error, in the unit of y per that of t."""

    slope: float
    error: float


def line(sums: Sums) -> Line | None:
    """The least-squares line; None below three visits, or where all are of one day.

    slope = Sty / Stt and error = sqrt((Syy - slope Sty) / (n - 2) / Stt), S.. the centred sums.
    The error takes the visits as independent: it is too small where they follow one another.
    Source: any text on simple linear regression.

    >>> sums = Sums()
    >>> for t, y in ((0, 0), (1, 1), (2, 1), (3, 3)):
    ...     sums = sums.plus(t, y)
    >>> found = line(sums)
    >>> round(found.slope, 4), round(found.error, 4)
    (0.9, 0.2646)
    """
    if sums.n < 3:
        return None
    stt = sums.tt - sums.t * sums.t / sums.n
    if stt <= 0:
        return None
    sty = sums.ty - sums.t * sums.y / sums.n
    syy = sums.yy - sums.y * sums.y / sums.n
    slope = sty / stt
    left = max(0.0, syy - slope * sty)
    return Line(slope, math.sqrt(left / (sums.n - 2) / stt))


class Resting(msgspec.Struct, frozen=True, array_like=True):
    """The open visit, the first ones, the start of a run of stage 2, sums of all past visits.

    `recent`: day and mean systolic and diastolic of the visits of the last weeks, none of them
    of the baseline.
    """

    visit: Visit | None = None
    baseline: tuple[Visit, ...] = ()
    run: Visit | None = None
    recent: tuple[tuple[int, float, float], ...] = ()
    stage_said: bool = False
    past: Sums = Sums()


def turned(resting: Resting, day: int, parameters: Parameters) -> Resting:
    """The same with the open visit closed, if a day after it has come."""
    visit = resting.visit
    if visit is None or visit.day >= day:
        return resting
    closed = msgspec.structs.replace(resting, visit=None, past=_added(resting, visit))
    if len(resting.baseline) < BASELINE:
        return msgspec.structs.replace(closed, baseline=(*resting.baseline, visit))
    return msgspec.structs.replace(
        closed,
        run=(resting.run or visit) if _is_stage_2(visit.mean, parameters) else None,
        stage_said=resting.stage_said or _new_stage(resting, parameters),
        recent=(*_within(resting, visit, parameters), (visit.day, *visit.mean)),
    )


def measured(resting: Resting, day: int, systolic: float, diastolic: float, record: str) -> Resting:
    """The same with one more reading at rest, of the open visit's day or with none open."""
    before = resting.visit or Visit(day, 0, 0.0, 0.0, record)
    visit = Visit(
        day, before.n + 1, before.systolic + systolic, before.diastolic + diastolic, record
    )
    return msgspec.structs.replace(resting, visit=visit)


def judged(resting: Resting, parameters: Parameters) -> list[Finding]:
    """What the open visit says of the course.

    A new stage 2: the mean of the first two visits is below it; every visit of a run that lasts a
    week or more is at or above it, in one of the two pressures; and so is the mean of the visits
    of the last four weeks with those of the run. Said once a course. Two visits and their own
    mean are not enough where there are many: at 128/80 mmHg (standard deviations 9 and 6) weekly
    visits over two years made 65 % of 3,000 simulated courses a finding, with four weeks 11 %. The
    slope is a note: it is looked at on every visit and its error takes visits as independent.
    """
    out: list[Finding] = []
    visit = resting.visit
    if visit is None:
        return out
    if not resting.stage_said and resting.run and _new_stage(resting, parameters):
        out.append(
            Finding(
                NAME,
                "new_stage_2",
                EVENTS["new_stage_2"],
                visit.day,
                "finding",
                tuple(one.id for one in (*resting.baseline, resting.run, visit)),
                f"at rest {_text(resting.run.mean)} and {visit.day - resting.run.day} days later "
                f"{_text(visit.mean)}, mean {_text(_mean(resting, visit, parameters))} (stage 2 "
                f"from {_text(parameters.stage_2)}), {_text(_start(resting))} at the first two "
                "visits",
            )
        )
    sums = _added(resting, visit)
    found = line(sums)
    if not resting.baseline or found is None:
        return out
    days = visit.day - resting.baseline[0].day
    rise = found.slope * days
    if (
        sums.n >= parameters.trend_visits
        and days >= parameters.trend_days
        and rise >= parameters.trend_mmhg
        and found.slope >= parameters.trend_errors * found.error
    ):
        out.append(
            Finding(
                NAME,
                "resting_rise",
                EVENTS["resting_rise"],
                visit.day,
                "note",
                (resting.baseline[0].id, visit.id),
                f"systolic at rest rises by {found.slope * MONTH:.1f} mmHg a month (standard "
                f"error {found.error * MONTH:.1f}, at least {parameters.trend_errors:g} of them), "
                f"{rise:.0f} over {sums.n} visits in {days} days "
                f"(from {parameters.trend_mmhg:g})",
            )
        )
    return out


def _added(resting: Resting, visit: Visit) -> Sums:
    first = resting.baseline[0] if resting.baseline else visit
    return resting.past.plus(visit.day - first.day, visit.mean[0] - first.mean[0])


def _new_stage(resting: Resting, parameters: Parameters) -> bool:
    run, visit = resting.run, resting.visit
    return (
        run is not None
        and visit is not None
        and visit.day - run.day >= parameters.apart_days
        and _is_stage_2(visit.mean, parameters)
        and _is_stage_2(_mean(resting, visit, parameters), parameters)
        and not _is_stage_2(_start(resting), parameters)
    )


def _within(
    resting: Resting, visit: Visit, parameters: Parameters
) -> tuple[tuple[int, float, float], ...]:
    return tuple(one for one in resting.recent if one[0] > visit.day - parameters.mean_days)


def _mean(resting: Resting, visit: Visit, parameters: Parameters) -> tuple[float, float]:
    """Of the last weeks, the first visit of the run, and this one."""
    means = [
        (systolic, diastolic) for _, systolic, diastolic in _within(resting, visit, parameters)
    ]
    if resting.run and resting.run.day <= visit.day - parameters.mean_days:
        means.append(resting.run.mean)
    means.append(visit.mean)
    return _of(means)


def _start(resting: Resting) -> tuple[float, float]:
    return _of([visit.mean for visit in resting.baseline])


def _of(means: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(s for s, _ in means) / len(means), sum(d for _, d in means) / len(means)


def _is_stage_2(pressure: tuple[float, float], parameters: Parameters) -> bool:
    return pressure[0] >= parameters.stage_2[0] or pressure[1] >= parameters.stage_2[1]


def _text(pressure: tuple[float, float]) -> str:
    return f"{pressure[0]:.4g}/{pressure[1]:.4g}"
