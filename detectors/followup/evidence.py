"""Evidence for every product and event of a cohort, against what is to be expected.

The rates come with exact limits and mean what they say at one look; the e-values hold at every
look, and have the background's own uncertainty in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.cohort import Cohort
from detectors.disproportionality.method import Floats, Integers
from detectors.followup import sprt
from detectors.followup.arms import Arms, arms, between, mantel_haenszel
from detectors.followup.background import Backgrounds
from detectors.followup.protocol import ArmsTest, PoissonTest
from detectors.followup.rates import Estimate, rate, rate_difference, rate_ratio
from detectors.followup.runs import by_stratum
from detectors.followup.runs import runs as run_through
from detectors.scope import YEAR, Row, Scope
from detectors.sequential import eprocess_background, two_sample_rates
from detectors.sequential.eprocess_background import DEFAULT, Parameters
from detectors.sequential.method import Evidence, amounts


@dataclass(frozen=True, slots=True)
class Against:
    """A row and an event of the cohort beside one background rate, as columns of one length.

    `default`: whether it is the background to go by; the others are shown beside it. `expected`
    events at the background's rate. `ratio` and `difference` (per patient-year) have the
    uncertainty of both sides. Where there is no person-time all but the counts are NaN or 0.
    """

    row: tuple[Row, ...]
    event: tuple[str, ...]
    background: tuple[str, ...]
    default: npt.NDArray[np.bool_]
    n: Integers
    years: Floats
    expected: Floats
    rate: Estimate
    ratio: Estimate
    difference: Estimate
    evidence: Evidence

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two arms: their looks by stratum, the common ratio of the rates, evidence at every look."""

    arms: Arms
    ratio: Estimate
    evidence: Evidence


def against_background(
    n: npt.ArrayLike,
    time: npt.ArrayLike,
    n_background: npt.ArrayLike,
    time_background: npt.ArrayLike,
    parameters: Parameters = DEFAULT,
) -> Evidence:
    """Evidence of many pairs after all looks: the log e-value, and the largest so far.

    `n` and `time` are what each look adds, of shape (looks, pairs), the background of shape
    (pairs,). What `eprocess_background.batch` says of the last look, computed only at looks with an
    event: between them time grows, and the evidence falls. Source: see
    `detectors.sequential.eprocess_background`. InputError `bad_count`, `bad_parameter`. Verified
    against the steps: `tests/detectors/followup/test_evidence.py`.

    >>> found = against_background([[5], [7], [0]], [[1.0], [2.0], [9.0]], [100], [100.0])
    >>> found.log_e.round(3).tolist(), found.log_e_sup.round(3).tolist()
    ([-2.701], [4.082])
    """
    eprocess_background.check(parameters)
    count, exposure = amounts(n=n, time=time)
    c, past = amounts(n_background=n_background, time_background=time_background)
    eprocess_background.check_reference(c, past)
    count = np.where(exposure > 0, count, 0)
    total, elapsed = np.cumsum(count, axis=0), np.cumsum(exposure, axis=0)
    looks = count > 0
    looks[-1:] = True
    place = np.nonzero(looks)
    pair = place[1]
    values = eprocess_background.log_e(
        total[place], elapsed[place], c[pair], past[pair], parameters
    )
    highest = np.zeros(len(c))
    np.maximum.at(highest, pair, values)
    last = np.zeros(len(c))
    ends = place[0] == len(count) - 1
    last[pair[ends]] = values[ends]
    return Evidence(last, highest)


def against_backgrounds(
    cohort: Cohort,
    scope: Scope,
    backgrounds: Backgrounds,
    by: Sequence[str] = ("product",),
    *,
    events: Sequence[str] | None = None,
    parameters: Parameters = DEFAULT,
) -> Against:
    """Every row with every event that has a background of its kind, one line a background.

    Rates by patient-years; events are those of the backgrounds unless given. The groups of terms
    that the backgrounds bring must be in the scope (`Backgrounds.memberships`).
    """
    known = dict.fromkeys(one.event for one in backgrounds.rates) if events is None else events
    compared = {
        event: held
        for event in known
        if (held := [r for r in backgrounds.of(event) if r.unit == "patient-years"])
    }
    names = tuple(compared)
    daily = cohort.daily(by, scope, names)
    lines = [
        (r, e, one)
        for r in range(len(daily.rows))
        for e, event in enumerate(names)
        for one in compared[event]
    ]
    place = tuple(np.array([line[i] for line in lines], dtype=np.int64) for i in (0, 1))
    counted = np.array([one.counted for _, _, one in lines], dtype=np.float64).reshape(-1, 2)
    n_background, time_background = counted.T
    n, days = (column[:, place[0], place[1]] for column in (daily.n, daily.days))
    total, years = n.sum(axis=0), days.sum(axis=0) / YEAR
    sides = total, years, n_background, time_background
    return Against(
        tuple(daily.rows[r] for r, _, _ in lines),
        tuple(names[e] for _, e, _ in lines),
        tuple(one.name for _, _, one in lines),
        np.array([one.default for _, _, one in lines], dtype=bool),
        total,
        years,
        years * n_background / time_background,
        rate(total, years),
        rate_ratio(*sides),
        rate_difference(*sides),
        against_background(n, days / YEAR, n_background, time_background, parameters),
    )


def between_arms(
    cohort: Cohort,
    scope: Scope,
    test: ArmsTest,
    events: Sequence[str],
    parameters: two_sample_rates.Parameters = two_sample_rates.DEFAULT,
) -> Compared:
    """The two arms of a test of the protocol, from its opening, for several events.

    A test that counts by session says nothing of events that are not counted so.
    """
    by = (*test.own, *test.strata)
    daily = cohort.daily(by, scope, events, test.opened.toordinal())
    both = arms(daily, test.own, test.other, sessions=test.sessions)
    return Compared(both, mantel_haenszel(both), between(both, parameters))


def runs(
    cohort: Cohort, scope: Scope, test: PoissonTest, backgrounds: Backgrounds
) -> dict[str, tuple[sprt.Run, ...]]:
    """The runs of a test of the protocol, for each of its strata ("": the product as a whole).

    The days of a run are counted from the opening of the test; a stratum without data has runs in
    which nothing is expected. InputError `unknown_background`, `not_comparable`.
    """
    return {
        stratum: run_through(test, list(zip(n.tolist(), years.tolist(), strict=True)), backgrounds)
        for stratum, (n, years) in by_stratum(cohort, scope, test).items()
    }
