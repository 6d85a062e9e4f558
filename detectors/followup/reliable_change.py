"""Reliable change: is the difference of two scores of one person more than error of measurement?

Each index is a change in units of its own standard error, about standard normal where nothing has
changed; positive where the score has risen. Scores may be floats or arrays, and broadcast.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, owens_t

from detectors.disproportionality.method import Floats, floats, ratio


def standard_error_of_difference(sd: npt.ArrayLike, r: npt.ArrayLike) -> Floats:
    """Error of the difference of two scores, from the first test's SD and the retest reliability.

        S_diff = sqrt(2) SD1 sqrt(1 - r)

    Source: Jacobson, Truax, J Consult Clin Psychol 1991;59:12-9, with the root of 2 that was put
    right by Christensen and Mendoza 1986. In points of the score; `r` from 0 to 1.
    Verified against a worked example by hand: `tests/detectors/followup/test_reliable_change.py`.

    >>> round(float(standard_error_of_difference(2.01, 0.82)), 2)
    1.21
    """
    return floats(np.sqrt(2 * (1 - floats(r))) * floats(sd))


def sd_of_differences(sd: npt.ArrayLike, sd_retest: npt.ArrayLike, r: npt.ArrayLike) -> Floats:
    """SD of the observed differences of a reference sample, from its two SDs and correlation.

        SD_diff = sqrt(SD1^2 + SD2^2 - 2 r SD1 SD2)

    With equal SDs it is the standard error of the difference. Source: the variance of a
    difference; that it is the error term of Christensen and Mendoza 1986 says Hinton-Bayre, J Int
    Neuropsychol Soc 2004;10:894-8. Verified against simulated pairs:
    `tests/detectors/followup/test_reliable_change.py`.

    >>> round(float(sd_of_differences(2.01, 2.25, 0.82)), 3)
    1.298
    """
    a, b = floats(sd), floats(sd_retest)
    # the square of the difference apart, so that equal SDs and r = 1 give 0 and no root below it
    return floats(np.sqrt((a - b) ** 2 + 2 * (1 - floats(r)) * a * b))


def jacobson_truax(
    first: npt.ArrayLike, second: npt.ArrayLike, sd: npt.ArrayLike, r: npt.ArrayLike
) -> Floats:
    """Reliable change index without correction for practice.

        RCI = (x2 - x1) / S_diff

    Source: Jacobson, Truax, J Consult Clin Psychol 1991;59:12-9. Beyond +-1.96 (95 %) or +-1.645
    (90 %) it is unlikely to be chance. NaN where the error is 0.
    Verified against a worked example by hand: `tests/detectors/followup/test_reliable_change.py`.

    >>> round(float(jacobson_truax(27, 24, 2.01, 0.82)), 2)
    -2.49
    """
    return chelune(first, second, 0.0, sd, r)


def chelune(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    practice: npt.ArrayLike,
    sd: npt.ArrayLike,
    r: npt.ArrayLike,
) -> Floats:
    """Reliable change index corrected by the mean practice effect of the reference sample.

        ((x2 - x1) - (M2 - M1)) / S_diff

    `practice` is M2 - M1, in points and with its sign. Source: Chelune et al., Neuropsychology
    1993;7:41-52 (formula unverified: as others restate it). NaN where the error is 0.
    Verified against a worked example by hand: `tests/detectors/followup/test_reliable_change.py`.

    >>> round(float(chelune(27, 24, 1, 2.01, 0.82)), 2)
    -3.32
    """
    return temkin(first, second, practice, standard_error_of_difference(sd, r))


def temkin(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    practice: npt.ArrayLike,
    sd_difference: npt.ArrayLike,
) -> Floats:
    """The same change over the SD of differences that was observed in controls.

        ((x2 - x1) - (M2 - M1)) / SD_diff

    Source: Temkin, J Int Neuropsychol Soc 2004;10:899-901: at a nominal 10 % it errs in 10.4 and
    9.4 %, the classical denominator in 17.5 and 12.3 %. NaN where the SD is 0.
    Verified against a worked example by hand: `tests/detectors/followup/test_reliable_change.py`.

    >>> round(float(temkin(27, 24, 1, 1.298)), 2)
    -3.08
    """
    return ratio(floats(second) - floats(first) - floats(practice), floats(sd_difference))


class Line(NamedTuple):
    """A retest score as the first one predicts it, and the standard error of the estimate."""

    intercept: float
    slope: float
    error: float


def regression_line(mean: float, sd: float, mean_retest: float, sd_retest: float, r: float) -> Line:
    """The line of a reference sample, from its means, SDs and correlation alone.

        b = r SD2 / SD1;  a = M2 - b M1;  SEE = SD2 sqrt(1 - r^2)

    Source: Hinton-Bayre, Arch Clin Neuropsychol 2010;25:244-56 (formulas unverified: they are
    those of least squares, and SEE leaves out its factor for small samples).
    Verified against a least-squares fit to simulated pairs:
    `tests/detectors/followup/test_reliable_change.py`.

    >>> regression_line(50, 10, 54, 10, 0.6)
    Line(intercept=24.0, slope=0.6, error=8.0)
    """
    slope = r * sd_retest / sd
    return Line(mean_retest - slope * mean, slope, sd_retest * (1 - r * r) ** 0.5)


def regression(first: npt.ArrayLike, second: npt.ArrayLike, line: Line) -> Floats:
    """Standardised regression-based change: the retest score against the predicted one.

        z = (x2 - (a + b x1)) / SEE

    It takes up practice and regression to the mean: after a high first score a fall is expected.
    Source: McSweeny et al., Clin Neuropsychol 1993;7:300-12 (formula unverified: as restated);
    used for the CVLT-2 by Alioto et al., Clin Neuropsychol 2017;31:1449-58. NaN where SEE is 0.
    Verified against a worked example by hand: `tests/detectors/followup/test_reliable_change.py`.

    >>> float(regression(70, 58, Line(intercept=24.0, slope=0.6, error=8.0)))
    -1.0
    """
    return temkin(line.intercept + line.slope * floats(first), second, 0.0, line.error)


def tail(index: npt.ArrayLike) -> Floats:
    """Chance that an index of one visit is as large, where nothing has changed: 1 - Phi(z).

    >>> round(float(tail(1.96)), 4)
    0.025
    """
    return floats(ndtr(-floats(index)))


def tail_of_two_visits(index: npt.ArrayLike) -> Floats:
    """Chance that the indices of two visits are both as large, where nothing has changed.

        P(Z1 > z, Z2 > z) = 1 - Phi(z) - 2 T(z, 1/sqrt(3)),  T of Owen 1956

    Both visits are compared with one baseline, whose error they share, so that the correlation is
    1/2 (for the regression index r / (1 + r), less than that). Good to 1e-16, not relatively.
    Source: Owen, Ann Math Stat 1956;27:1075-90, for the bivariate normal distribution.
    Verified against numerical integration: `tests/detectors/followup/test_reliable_change.py`.

    >>> round(float(tail_of_two_visits(0)), 6), round(float(tail_of_two_visits(1.96)), 4)
    (0.333333, 0.0046)
    """
    z = floats(index)
    return floats(np.maximum(ndtr(-z) - 2 * owens_t(z, 3**-0.5), 0.0))
