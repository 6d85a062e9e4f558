"""How well a score tells positive from negative controls: the area under the curve."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

from detectors.disproportionality.method import floats
from schemas.errors import InputError

# of each kind; an interval from fewer is not to be trusted
FEWEST = 30


class AUC(NamedTuple):
    """The area, its limits within 0 and 1, its standard error, and how many controls it is from."""

    estimate: float
    lower: float
    upper: float
    se: float
    positives: int
    negatives: int


def auc(
    positive: npt.ArrayLike, negative: npt.ArrayLike, level: float = 0.95, fewest: int = FEWEST
) -> AUC:
    """Probability that a positive control scores higher than a negative one, a tie counting half.

        AUC = mean of psi(x_i, y_j),  psi 1 where x > y, 1/2 where equal, else 0
        variance = var_i(mean_j psi) / m + var_j(mean_i psi) / n,  limits AUC -+ z sqrt(variance)

    `positive` and `negative` are the scores of m and n controls, in any unit; the result has none.
    Source: DeLong, DeLong, Clarke-Pearson, Biometrics 1988;44:837-45. InputError `not_estimable`
    for fewer than `fewest` of either, `bad_score` for a score that is not a number. Verified by
    hand, against all pairs and by simulated coverage: `tests/detectors/calibration/test_auc.py`.

    >>> found = auc([3, 5, 7], [1, 4, 6], fewest=3)  # by hand: 6 of 9 pairs; 1/9/3 + 1/9/3
    >>> round(found.estimate, 6), round(found.se, 6)
    (0.666667, 0.272166)
    """
    x, y = floats(positive).reshape(-1), floats(negative).reshape(-1)
    if np.isnan(x).any() or np.isnan(y).any():
        raise InputError("bad_score", "a score of a control is not a number")
    m, n = len(x), len(y)
    if min(m, n) < max(fewest, 2):
        raise InputError(
            "not_estimable", f"{m} positive and {n} negative controls: {fewest} of each are needed"
        )
    # ranks among all less ranks among one's own: how many of the others lie below
    ranks = rankdata(np.concatenate([x, y]))
    below = (ranks[:m] - rankdata(x)) / n
    above = 1 - (ranks[m:] - rankdata(y)) / m
    estimate = float(below.mean())
    se = float(np.sqrt(below.var(ddof=1) / m + above.var(ddof=1) / n))
    width = float(ndtri(0.5 + level / 2)) * se
    return AUC(estimate, max(estimate - width, 0.0), min(estimate + width, 1.0), se, m, n)
