"""Dose-response: does the rate of an event rise with the sessions, or the doses, of a course?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from detectors.cohort import Cohort
from detectors.disproportionality.method import Floats
from detectors.followup.arms import Arms, mantel_haenszel
from detectors.followup.rates import Estimate, rate
from detectors.followup.spells import BANDS
from detectors.scope import Row, Scope
from detectors.sequential.method import amounts
from detectors.sequential.two_sample_rates import Look
from schemas.errors import InputError

# events times the largest score
LARGEST = 10_000


class Trend(NamedTuple):
    """The statistic and its one-sided p-values; NaN where there is nothing to compare.

    `p_exact` is NaN where events times the largest score are above 10,000: `p` is then as good.
    """

    z: float
    p: float
    p_exact: float


@dataclass(frozen=True, slots=True)
class DoseResponse:
    """An event over bands: counts and time, rates, ratios to the first band with events, trend.

    `ratio` is common to the strata; that of the reference band itself is 1 without limits.
    """

    bands: tuple[str, ...]
    n: Floats
    time: Floats
    rate: Estimate
    reference: str
    ratio: Estimate
    trend: Trend


def poisson_trend(
    n: npt.ArrayLike, time: npt.ArrayLike, scores: Sequence[int] | None = None
) -> Trend:
    """Test for a rate that rises over bands, within strata whose rates may differ.

        S = sum n_hb s_b,  m_h = sum_b t_hb s_b / T_h,  z = (S - sum N_h m_h) / sqrt(V)
        V = sum N_h (sum_b t_hb s_b^2 / T_h - m_h^2)
        exact p = P(S or more), each event of a stratum in band b with probability t_hb / T_h

    `n` events over `time`, of shape (strata, bands) or (bands,); `scores` are whole numbers that do
    not fall, by default 0, 1, 2, …: levels of equal distance, as advised where the shape of the
    response is not known. H0: within a stratum all bands have one rate. Source: score test of a
    log-linear Poisson rate; trend, Armitage, Biometrics 1955;11:375-86; count data and equal
    levels, Weller, Ryan, Biometrics 1998;54:762-73. InputError `bad_count`, `bad_parameter`,
    `bad_shape`. Verified against enumeration and by its error:
    `tests/detectors/followup/test_dose_response.py`.

    >>> [round(x, 4) for x in poisson_trend([1, 2, 6], [10.0, 10.0, 10.0])]
    [2.0412, 0.0206, 0.0318]
    """
    count, exposure = amounts(n=np.atleast_2d(n), time=np.atleast_2d(time))
    if count.ndim != 2:
        raise InputError("bad_shape", "a trend is over bands, or strata and bands")
    levels = np.arange(count.shape[1]) if scores is None else np.array(scores)
    rising = levels.shape == count.shape[1:] and levels.dtype.kind in "iu"
    if not rising or (np.diff(levels) < 0).any():
        raise InputError("bad_parameter", "the scores are a whole number for each band, rising")
    levels = (levels - levels[:1].sum()).astype(np.int64)
    count = np.where(exposure > 0, count, 0)
    total, whole = count.sum(axis=1), exposure.sum(axis=1)
    share = exposure / np.where(whole > 0, whole, 1)[:, None]
    mean, square = share @ levels, share @ levels**2
    variance = float(total @ (square - mean**2))
    if variance <= 1e-12:
        return Trend(np.nan, np.nan, np.nan)
    observed = float((count @ levels).sum())
    z = (observed - float(total @ mean)) / np.sqrt(variance)
    p = float(ndtr(-z))
    if total.sum() * levels[-1] > LARGEST or (count % 1).any():
        return Trend(float(z), p, np.nan)
    law = np.ones(1)
    for events, weights in zip(total.astype(np.int64).tolist(), share, strict=True):
        law = np.convolve(law, _power(np.bincount(levels, weights).astype(np.float64), events))
    return Trend(float(z), p, float(min(law[int(observed) :].sum(), 1.0)))


def dose_response(
    cohort: Cohort,
    scope: Scope,
    event: str,
    *,
    where: dict[str, str],
    axis: str = "sessions",
    bands: Sequence[str] = BANDS[1:],
    strata: Sequence[str] = (),
    sessions: bool = False,
) -> DoseResponse:
    """One event over the bands of an axis, among the rows where other axes have given values.

    `where` is {"product": "esketamine"}, say. `bands` are in order of the dose; `strata` are axes
    within which the bands are compared. Time at risk is in patient-years or, with `sessions`, in
    sessions up to the first event. A band counts the days spent in it, and a course moves on
    through them, so those who get far are those whom nothing stopped: a fall over bands may be
    that alone. A band that no row has is without data.

    >>> found = dose_response(Cohort(), Scope(739_700), "Cystitis", where={"product": "ketamine"})
    >>> found.bands, found.n.tolist()
    (('1-8', '9-12', '13-49', '50-99', '100+'), [0.0, 0.0, 0.0, 0.0, 0.0])
    """
    fixed = tuple(where)
    cells = cohort.cells((*fixed, axis, *strata), scope, [event])
    place = {band: i for i, band in enumerate(bands)}
    found: dict[Row, int] = {}
    rows = []
    for i, row in enumerate(cells.rows):
        values, band, stratum = row[: len(fixed)], row[len(fixed)], row[len(fixed) + 1 :]
        if values == tuple(where.values()) and band in place:
            rows.append((i, found.setdefault(stratum, len(found)), place[band]))
    n, time = np.zeros((2, max(len(found), 1), len(bands)))
    at_risk = cells.sessions_to_first if sessions else cells.years
    for i, stratum_of, band_of in rows:
        n[stratum_of, band_of] += cells.n[i, 0]
        time[stratum_of, band_of] += at_risk[i, 0]
    some = np.flatnonzero(n.sum(axis=0) > 0)
    first = int(some[0]) if len(some) else 0
    look = Look(
        n[None],
        time[None],
        *(np.repeat(x[None, :, [first]], len(bands), axis=2) for x in (n, time)),
    )
    ratio = mantel_haenszel(Arms((), tuple(found), tuple(bands), look))
    for limit in (ratio.lower, ratio.upper):
        limit[first] = np.nan
    return DoseResponse(
        tuple(bands),
        n.sum(axis=0),
        time.sum(axis=0),
        rate(n.sum(axis=0), time.sum(axis=0)),
        bands[first],
        ratio,
        poisson_trend(n, time),
    )


def _power(law: Floats, times: int) -> Floats:
    """The law of a sum of `times` draws from a law over 0, 1, 2, …"""
    out = np.ones(1)
    while times:
        if times & 1:
            out = np.convolve(out, law)
        times >>= 1
        if times:
            law = np.convolve(law, law)
    return out
