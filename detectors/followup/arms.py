"""Two arms of a cohort beside each other, stratum by stratum: by route, setting or dose band."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from detectors.disproportionality.method import Floats, ratio
from detectors.followup.rates import Estimate
from detectors.scope import Daily, Row
from detectors.sequential.method import Evidence, amounts
from detectors.sequential.mixture import log_mean_exp
from detectors.sequential.two_sample_rates import Look, Parameters, two_sample_rates
from schemas.errors import InputError

DEFAULT = Parameters()


@dataclass(frozen=True, slots=True)
class Arms:
    """Looks of shape (looks, strata, events): first events and time at risk of both arms.

    `by` are the axes of the strata. Time is in patient-years, or in sessions up to the first event.
    """

    by: tuple[str, ...]
    strata: tuple[Row, ...]
    events: tuple[str, ...]
    look: Look


def arms(
    daily: Daily, own: Mapping[str, str], other: Mapping[str, str], *, sessions: bool = False
) -> Arms:
    """The rows of `own` against those of `other`, matched on every other axis of the rows.

    `own` and `other` name the same axes, with other values: {"setting": "home"} and {"setting":
    "clinic"}, say. With `sessions` time at risk is counted in sessions; of events that are not
    counted by session there is then none. Strata that one arm alone has are left out, since they
    compare nothing. InputError `bad_arms`.
    """
    axes = {axis for axis in own if axis in other}
    if not axes or axes != set(own) | set(other) or not axes <= set(daily.by):
        raise InputError("bad_arms", "the arms name the same axes, each one of those of the rows")
    if all(own[axis] == other[axis] for axis in axes):
        raise InputError("bad_arms", "the arms are the same")
    by = tuple(axis for axis in daily.by if axis not in axes)
    places: tuple[dict[Row, int], dict[Row, int]] = {}, {}
    for i, row in enumerate(daily.rows):
        values = dict(zip(daily.by, row, strict=True))
        stratum = tuple(values[axis] for axis in by)
        for arm, place in zip((own, other), places, strict=True):
            if all(values[axis] == value for axis, value in arm.items()):
                place[stratum] = i
    strata = tuple(sorted(places[0].keys() & places[1].keys()))
    time = daily.sessions_to_first.astype(np.float64) if sessions else daily.years
    n = daily.n.astype(np.float64)
    rows = [np.array([place[s] for s in strata], dtype=np.int64) for place in places]
    look = Look(n[:, rows[0]], time[:, rows[0]], n[:, rows[1]], time[:, rows[1]])
    return Arms(by, strata, daily.events, look)


def between(arms: Arms, parameters: Parameters = DEFAULT) -> Evidence:
    """Two-sample evidence at every look, (looks, events): the product over strata and looks.

        E = mean over nodes i of  prod over looks, strata of  (1 + x_i)^n / (1 + x_i q)^N

    H0: in no stratum, at no look, is the ratio of the rates above the margin. The rates themselves
    may differ between strata and drift. Given its total each factor has mean <= 1 under H0,
    whatever came before, so E is a supermartingale. Source: Turner, Ly, Grünwald, J Stat Plan
    Inference 2024;230:106116; see `detectors.sequential.two_sample_rates`. Verified against one
    stratum and simulation with strata of unlike rates: `tests/detectors/followup/test_arms.py`.

    >>> one = Look(*(np.array([[[x]]]) for x in (4.0, 1.0, 2.0, 1.0)))
    >>> found = between(Arms((), ((),), ("x",), one), Parameters(1.0, (1.0,)))
    >>> found.log_e.round(4).tolist(), found.log_e_sup.round(4).tolist()
    ([[0.3398]], [[0.3398]])
    """
    looks, _, events = arms.look.n.shape
    log_lr = np.zeros((looks, events, len(parameters.excess)))
    for s in range(len(arms.strata)):
        log_lr += two_sample_rates(Look(*(column[:, s] for column in arms.look)), parameters)
    now = log_mean_exp(np.cumsum(log_lr, axis=0))
    return Evidence(now, np.maximum.accumulate(np.maximum(now, 0), axis=0))


def mantel_haenszel(arms: Arms, level: float = 0.95) -> Estimate:
    """The ratio of the rates over all looks, common to the strata, for each event.

        RR = sum(n s / (t + s)) / sum(m t / (t + s))
        var(log RR) = sum((n + m) t s / (t + s)^2) / (sum(n s / (t + s)) sum(m t / (t + s)))

    n over t of the one arm, m over s of the other. NaN where either sum is 0. Source: Greenland,
    Robins, Biometrics 1985;41:55-68 (person-time). Verified by hand and against one stratum:
    `tests/detectors/followup/test_arms.py`.

    >>> look = Look(*(np.array([[[x]]]) for x in (10.0, 100.0, 5.0, 100.0)))
    >>> found = mantel_haenszel(Arms((), ((),), ("x",), look))
    >>> [round(float(x[0]), 3) for x in found]
    [2.0, 0.684, 5.851]
    """
    n, t, m, s = (column.sum(axis=0) for column in amounts(**arms.look._asdict()))
    whole = np.where(t + s > 0, t + s, 1)
    above, below = (n * s / whole).sum(axis=0), (m * t / whole).sum(axis=0)
    estimate = ratio(np.where(below > 0, above, np.nan), below)
    spread = ((n + m) * t * s / whole**2).sum(axis=0)
    width = float(ndtri((1 + level) / 2)) * np.sqrt(
        np.where(above > 0, ratio(spread, np.where(above > 0, above * below, 0.0)), np.nan)
    )
    shown: Floats = np.where(above > 0, estimate, np.nan)
    return Estimate(shown, shown * np.exp(-width), shown * np.exp(width))
