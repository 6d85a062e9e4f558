"""Tolerance: peaks of a scale that should weaken from session to session, and rise instead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from scipy.special import ndtri, stdtr

NEAR_ONE = 1 - 1e-15


@dataclass(frozen=True, slots=True)
class Expected:
    """The course that peaks are expected to take, and what is reliably above it; values ours.

    Peaks fall with every `half_life` sessions by half of what is left, to `plateau` of the first:
    between a fall after the first infusion and a plateau then (Rodrigues et al. 2022, i.v.) and
    one through eight sessions (REMS, nasal); no study seen gives the values. They grow with the
    dose. The logarithm of 1 + peak varies by `spread` within a patient, a guess that counts as
    much as `weight` sessions. The last `least` to `window` measured sessions are compared with all
    before them, and are above where their mean is so by `bound` standard errors. A new product or
    route, or a gap of more than `gap_days`, begins anew. Of 1,000 simulated courses of 60 sessions
    that follow it, 1 to 7 % are called above at some session, by how much scores scatter; with
    peaks three times as high from the ninth on, 69 %, half of them by the fifteenth.
    """

    plateau: float = 0.5
    half_life: float = 2.0
    spread: float = 0.6
    weight: float = 2.0
    least: int = 3
    window: int = 12
    bound: float = 3.5
    gap_days: int = 60

    def share(self, session: int) -> float:
        """What is left of the first peak in a session (from 1).

        >>> [round(Expected().share(k), 3) for k in (1, 2, 3, 5, 20)]
        [1.0, 0.854, 0.75, 0.625, 0.501]
        """
        fallen = math.pow(2, -(session - 1) / self.half_life)
        return self.plateau + (1 - self.plateau) * fallen


class Peak(NamedTuple):
    """A session: its day, product and route, dose (mg), peak (None: not measured), record."""

    day: int
    what: str
    mg: float
    value: float | None
    id: str


class Measured(msgspec.Struct, frozen=True, array_like=True):
    """One measured session: v = log(1 + peak) - log(share) - log(dose), and its record."""

    v: float
    id: str


class Course(msgspec.Struct, frozen=True, array_like=True):
    """Sessions so far, measured or not; the last measured ones, and sums of v of those before.

    `first` is the record of the first measured one.
    """

    sessions: int = 0
    day: int = 0
    what: str = ""
    first: str = ""
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    recent: tuple[Measured, ...] = ()


class Above(NamedTuple):
    """The last `n` sessions against the `n_before` before them.

    `ratio` of 1 + peak to what is expected of it, `expected` peak of the last one, `errors` by how
    many standard errors, and the records of the last ones.
    """

    n: int
    n_before: int
    ratio: float
    expected: float
    errors: float
    records: tuple[str, ...]


def followed(course: Course, peak: Peak, expected: Expected) -> Course:
    """The course after one more session."""
    anew = course.what != peak.what or peak.day - course.day > expected.gap_days
    held = Course(what=peak.what) if anew else course
    session = held.sessions + 1
    held = msgspec.structs.replace(held, sessions=session, day=peak.day)
    if peak.value is None:
        return held
    v = math.log1p(peak.value) - math.log(expected.share(session) * peak.mg)
    recent = (*held.recent, Measured(v, peak.id))
    old, recent = recent[: -expected.window], recent[-expected.window :]
    return msgspec.structs.replace(
        held,
        first=held.first or peak.id,
        n=held.n + len(old),
        total=held.total + sum(one.v for one in old),
        squares=held.squares + sum(one.v**2 for one in old),
        recent=recent,
    )


def above(course: Course, mg: float, expected: Expected) -> Above | None:
    """The strongest contrast of last sessions with those before; None below the bound.

    For a last and b earlier sessions with means A and B of v: t = (A - B) / (s sqrt(1/a + 1/b)),
    s^2 = (weight spread^2 + squares about both means) / df with df = weight + a + b - 2; errors is
    t turned from Student's distribution with df into a standard normal. The greatest over a is
    taken, which the bound allows for. In A and its squares the highest v counts as the second
    highest, so that one outlier is never above.
    Source: likelihood ratio for a change point in a normal mean, e.g. Csorgo and Horvath, Limit
    Theorems in Change-Point Analysis, 1997; the weighted spread is a conjugate prior.

    >>> course = Course()
    >>> for k, value in enumerate((20, 15, 12, 12, 45, 50, 55, 60, 60), 1):
    ...     course = followed(course, Peak(k, "", 56, value, f"r{k}"), Expected())
    ...     if found := above(course, 56, Expected()):
    ...         print(f"{k}: {found.n} of {found.ratio:.1f} times, {found.errors:.2f} errors")
    8: 4 of 4.7 times, 3.84 errors
    9: 5 of 5.0 times, 4.18 errors
    """
    best: tuple[float, int, float, float] | None = None
    n = course.n + len(course.recent)
    total = course.total + sum(one.v for one in course.recent)
    squares = course.squares + sum(one.v**2 for one in course.recent)
    last: list[float] = []
    for a, one in enumerate(reversed(course.recent), 1):
        last.append(one.v)
        b = n - a
        if a < expected.least or b < 1:
            continue
        before = (total - sum(last)) / b
        left = max(0.0, squares - sum(v**2 for v in last) - b * before**2)
        *lower, second, _ = sorted(last)
        tamed = (*lower, second, second)
        now = sum(tamed) / a
        left += sum((v - now) ** 2 for v in tamed)
        df = expected.weight + n - 2
        scale = math.sqrt((expected.weight * expected.spread**2 + left) / df)
        t = (now - before) / (scale * math.sqrt(1 / a + 1 / b))
        if t < expected.bound:  # the normal value is smaller still
            continue
        errors = float(ndtri(min(NEAR_ONE, float(stdtr(df, t)))))
        if errors >= expected.bound and (best is None or errors > best[0]):
            best = errors, a, before, now
    if best is None:
        return None
    errors, a, before, now = best
    shape = math.log(expected.share(course.sessions) * mg)
    return Above(
        a,
        n - a,
        math.exp(now - before),
        max(0.0, math.expm1(before + shape)),
        errors,
        tuple(one.id for one in course.recent[-a:]),
    )
