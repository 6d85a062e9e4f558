"""The false-alarm rate on negative controls, with exact limits."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

from scipy.special import betaincinv

from schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Control pairs that could be judged, those of them that a rule raised, and the share.

    `lower` and `upper` are limits of the share; all three are NaN where nothing could be judged.
    """

    controls: int
    alarms: int
    rate: float
    lower: float
    upper: float


def false_alarms(alarms: int, controls: int, level: float = 0.95) -> FalseAlarms:
    """The share of control pairs that a rule raised, with its exact two-sided limits.

        lower = B(a/2; x, n - x + 1),  upper = B(1 - a/2; x + 1, n - x),  B: quantile of a beta

    `alarms` (x) of `controls` (n) are pairs; a = 1 - `level`. Exact if pairs are independent; those
    of one product share its reports, so the true interval is somewhat wider. Source: Clopper,
    Pearson, Biometrika 1934;26:404-13. InputError `bad_parameter` for an impossible number.
    Verified against the binomial distribution: `tests/detectors/calibration/test_false_alarms.py`.

    >>> found = false_alarms(0, 30)
    >>> found.rate, found.lower, round(found.upper, 4)
    (0.0, 0.0, 0.1157)
    """
    if not 0 <= alarms <= controls or not 0 < level < 1:
        raise InputError("bad_parameter", f"{alarms} alarms of {controls} controls at {level}")
    if not controls:
        return FalseAlarms(0, 0, nan, nan, nan)
    tail = (1 - level) / 2
    rest = controls - alarms
    lower = float(betaincinv(alarms, rest + 1, tail)) if alarms else 0.0
    upper = float(betaincinv(alarms + 1, rest, 1 - tail)) if rest else 1.0
    return FalseAlarms(controls, alarms, alarms / controls, lower, upper)
