"""Looks at a cohort: what has entered the evidence, and the evidence so far.

An error rate that holds at every look holds for evidence that is not rewritten. So what a look
takes in is never taken back: counts and time that corrections remove stay in until as much comes
anew, and what comes late enters at the next look. What the records say today is another figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from detectors.case_review import Rule
from detectors.followup.arms import Arms
from detectors.scope import YEAR, Cells
from detectors.sequential import eprocess_background, two_sample_rates
from detectors.sequential.mixture import log_mean_exp, nodes

ALPHA = 0.05  # of the cohort's family

# what is raised by them, by the names that signals carry
RULES = (
    Rule(
        "above_background",
        "a rate above its background, at a look that the family of the cohort asks for",
        "e-process against a counted background, Benjamini-Yekutieli over the family",
    ),
    Rule(
        "above_arm",
        "a rate above that of the arm it is compared with, stratum by stratum",
        "two-sample e-process (Turner, Ly, Grünwald 2024), Benjamini-Yekutieli over the family",
    ),
)

# of tests with a horizon, against a background and of risk intervals
MAXSPRT = (
    Rule(
        "maxsprt_background",
        "more events than expected, at a look of a test of the protocol, alpha over its strata",
        "Poisson maxSPRT (Kulldorff et al. 2011) against a background taken as known",
    ),
    Rule(
        "maxsprt_interval",
        "sooner after a dose than chance would have it, at a look of a test of the protocol",
        "binomial maxSPRT (Kulldorff et al. 2011) of risk against control windows",
    ),
)

# of one stratum: events and time of the one arm, events and time of the other
Sides = tuple[float, float, float, float]


class Against(msgspec.Struct, frozen=True, array_like=True):
    """A rate against a background: events and years entered, the log e-value now and at most."""

    n: float = 0.0
    years: float = 0.0
    log_e: float = 0.0
    log_e_sup: float = 0.0


class Between(msgspec.Struct, frozen=True, array_like=True):
    """Two arms: what has entered by stratum, log likelihood ratios by node, the log e-value."""

    entered: dict[str, Sides] = {}
    log_lr: tuple[float, ...] = ()
    log_e: float = 0.0
    log_e_sup: float = 0.0

    @property
    def total(self) -> Sides:
        """Over all strata.

        >>> Between({"a": (1.0, 2.0, 3.0, 4.0), "b": (1.0, 1.0, 1.0, 1.0)}).total
        (2.0, 3.0, 4.0, 5.0)
        """
        columns = list(zip(*self.entered.values(), strict=True)) or [(), (), (), ()]
        n, time, n_other, time_other = (float(sum(column)) for column in columns)
        return n, time, n_other, time_other


def against(
    state: Against,
    n: float,
    years: float,
    background: tuple[float, float],
    parameters: eprocess_background.Parameters = eprocess_background.DEFAULT,
) -> Against:
    """One look: `n` first events over `years` as the records now say, up to its day.

    `background` is a count and its person-years. What has entered never falls; the e-value is that
    of `detectors.sequential.eprocess_background` of what has entered. Events without time wait for
    it. Verified against the batch: `tests/detectors/followup/test_looks.py`.

    >>> first = against(Against(), 12, 3.0, (100, 100.0))
    >>> round(first.log_e, 3), against(first, 10, 3.0, (100, 100.0)) == first
    (4.082, True)
    """
    entered, time = max(state.n, n), max(state.years, years)
    if time <= 0:
        return state
    values = (np.array([x], dtype=np.float64) for x in (entered, time, *background))
    count, exposure, c, past = values
    now = float(eprocess_background.log_e(count, exposure, c, past, parameters)[0])
    return Against(entered, time, now, max(state.log_e_sup, now))


def between(
    state: Between,
    now: Mapping[str, Sides],
    parameters: two_sample_rates.Parameters = two_sample_rates.DEFAULT,
) -> Between:
    """One look at two arms: their events and time by stratum as the records now say.

    Each stratum adds the rise since the last look to the likelihood ratios of
    `detectors.sequential.two_sample_rates`; a fall adds nothing. Events of an arm whose time has
    not grown wait until it does. Verified against the batch:
    `tests/detectors/followup/test_looks.py`.

    >>> one = between(Between(), {"": (30.0, 10.0, 10.0, 10.0)})
    >>> round(one.log_e, 3), between(one, {"": (29.0, 10.0, 10.0, 10.0)}) == one
    (2.364, True)
    """
    entered = dict(state.entered)
    log_lr = np.array(state.log_lr or (0.0,) * len(nodes(parameters.excess)))
    for stratum, counts in now.items():
        held = entered.get(stratum, (0.0, 0.0, 0.0, 0.0))
        rise = tuple(max(new - old, 0.0) for new, old in zip(counts, held, strict=True))
        if rise[1] <= 0 or rise[3] <= 0:
            continue
        look = two_sample_rates.Look(*(np.array([value]) for value in rise))
        log_lr = log_lr + two_sample_rates.two_sample_rates(look, parameters)[0]
        n, time, n_other, time_other = (a + b for a, b in zip(held, rise, strict=True))
        entered[stratum] = (n, time, n_other, time_other)
    log_e = float(log_mean_exp(log_lr))
    return Between(entered, tuple(log_lr.tolist()), log_e, max(state.log_e_sup, log_e))


def sides(arms: Arms, event: int) -> dict[str, Sides]:
    """Events and time of both arms of one event, by stratum, over all looks of `arms`.

    >>> from detectors.sequential.two_sample_rates import Look
    >>> look = Look(*(np.array([[[x]]]) for x in (4.0, 1.0, 2.0, 1.0)))
    >>> sides(Arms(("sex",), (("female",),), ("x",), look), 0)
    {'female': (4.0, 1.0, 2.0, 1.0)}
    """
    totals = [column.sum(axis=0) for column in arms.look]
    out: dict[str, Sides] = {}
    for s, stratum in enumerate(arms.strata):
        n, time, n_other, time_other = (float(total[s, event]) for total in totals)
        out[" / ".join(stratum)] = (n, time, n_other, time_other)
    return out


def rate_of(cells: Cells, row: Sequence[str], event: str) -> tuple[int, float]:
    """(first events, patient-years) of a row and an event; zeros where the row is not there.

    >>> one = np.array([[3]])
    >>> cells = Cells(("product",), (("k",),), ("x",), one, one * 365, *[one] * 4, one[0])
    >>> rate_of(cells, ["k"], "x")[0], rate_of(cells, ["p"], "x")
    (3, (0, 0.0))
    """
    place = {name: i for i, name in enumerate(cells.rows)}.get(tuple(row))
    if place is None:
        return 0, 0.0
    j = cells.events.index(event)
    return int(cells.n[place, j]), float(cells.days[place, j]) / YEAR
