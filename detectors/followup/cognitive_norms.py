"""Cognitive measures: direction, error of measurement, practice, and what counts as a change."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple

from detectors.followup.reliable_change import (
    Line,
    regression_line,
    standard_error_of_difference,
)
from schemas.errors import InputError

METHODS = ("jacobson_truax", "chelune", "temkin", "regression")
# other names in use, as `name_of` writes them
ALIASES = {
    "cogstate_groton_maze_learning": "cogstate_groton_maze",
    "cogstate_one_card_learning": "cogstate_one_card",
    "cvlt_ii_total": "cvlt_2_total",
}


class Norm(NamedTuple):
    """One measure in its reference sample, in points of the score.

    `worse` is 1 where a higher score is worse (log10 ms, errors), else -1; scores outside `lowest`
    to `highest` are in another unit and not judged. `familiarisation` is how many sessions come
    before the baseline: 1 where practice shows. `r` is the retest reliability, `r_lower` its lower
    95 % limit; `practice` the mean gain that is still to be expected after the baseline (M2 - M1,
    signed); `sd_difference` the SD of differences seen in controls, for `temkin`; `mean` that of
    the first test, for `regression`.
    """

    worse: int
    method: str
    lowest: float
    highest: float
    familiarisation: int
    sd: float
    r: float
    r_lower: float
    practice: float = 0.0
    sd_difference: float = 0.0
    mean: float = 0.0


# Forms 7.1 and 7.3, n 29, ICC 0.82 (0.62 to 0.92): Zeetsen thesis. It rises from the first to the
# second session and then stays: Cooley et al., Clin Neuropsychol 2015;29:824-35.
MOCA = Norm(-1, "jacobson_truax", 0, 30, 1, sd=2.01, r=0.82, r_lower=0.62)
# Six forms equivalent for recall, hence no familiarisation: Benedict et al., Clin Neuropsychol
# 1998;12:43-55. Unverified: r, n 40 (the lower limits are Fisher's z), SDs.
HVLT_RECALL = Norm(-1, "jacobson_truax", 0, 36, 0, sd=4.5, r=0.74, r_lower=0.56)
HVLT_DELAYED = Norm(-1, "jacobson_truax", 0, 12, 0, sd=2.0, r=0.66, r_lower=0.44)
# Sum of trials, 35 days, n 34: Magalhaes 2012, lower limit by Fisher's z. The same list again
# gains several words (Rezvanfard 2011): 3 is ours. Unverified: SD.
RAVLT = Norm(-1, "chelune", 0, 75, 1, sd=8.0, r=0.68, r_lower=0.44, practice=3)
# r 0.57 to 0.69 over 1.3 years, n 157, the middle and the lower end: Alioto et al., Clin
# Neuropsychol 2017;31:1449-58. Unverified: mean, SD.
CVLT = Norm(-1, "regression", 0, 80, 0, sd=10.0, r=0.63, r_lower=0.57, mean=50)
# In multiple sclerosis: 7 points are reliable at 90 %, so 7 / 1.645 (Novakova et al., Mult Scler
# 2025;31:1121-9); 1.8 points a repetition (Mult Scler Relat Disord 2022;68:104375). A variant of it
# in 79 healthy: ICC 0.86 (PMC7573704), lower limit by Fisher's z. Unverified: SD, not used.
SDMT = Norm(
    -1, "temkin", 0, 110, 1, sd=10.0, r=0.86, r_lower=0.79, practice=1.8, sd_difference=4.255
)
# Practice not flat after five weekly sessions (PubMed 29202384); 2 points are ours. Unverified:
# r 0.8 to 0.9, SD.
DSST = Norm(-1, "chelune", 0, 135, 1, sd=12.0, r=0.85, r_lower=0.8, practice=2)
# Practice from the first to the second session, none at a month after a familiarisation run:
# Falleti 2006. Speed in log10 ms, 2 to 3.3 (NCT02782104); accuracy as the arcsine of the root of
# the share correct. Unverified: SDs and r; r is put below that of composites over 6 months, 0.78
# to 0.79 (Cogstate's own list of publications).
DETECTION = Norm(1, "chelune", 2, 3.3, 1, sd=0.1, r=0.75, r_lower=0.65)
IDENTIFICATION = Norm(1, "chelune", 2, 3.3, 1, sd=0.08, r=0.75, r_lower=0.65)
ONE_CARD = Norm(-1, "chelune", 0, 1.571, 1, sd=0.1, r=0.7, r_lower=0.6)
ONE_BACK = Norm(-1, "chelune", 0, 1.571, 1, sd=0.15, r=0.6, r_lower=0.5)
GROTON_MAZE = Norm(1, "chelune", 0, 500, 1, sd=15.0, r=0.7, r_lower=0.6)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The measures that have a norm, by instrument and measure, and the rules common to all.

    Sources of the norms stand beside them; much of them is unverified. Trail Making and CANTAB have
    none: their published retest figures (0.36 to 0.89) span too much. `z` 1.96: beyond it a change
    is unlikely to be chance (Jacobson, Truax 1991). `alpha` 0.025: what each rule that counts may
    err in at one visit, one-sided and over all measures (ours). `acute_hours` 24: testing so soon
    after a dose measures its acute effect (ours). `sedated` 4: MOAA/S of any sedation (label).
    `slope_visits` 4: the fewest that a slope rests on (ours).
    """

    moca_total: Norm = MOCA
    hvlt_r_total_recall: Norm = HVLT_RECALL
    hvlt_r_delayed_recall: Norm = HVLT_DELAYED
    ravlt_total: Norm = RAVLT
    cvlt_2_total: Norm = CVLT
    sdmt_total: Norm = SDMT
    dsst_total: Norm = DSST
    cogstate_detection: Norm = DETECTION
    cogstate_identification: Norm = IDENTIFICATION
    cogstate_one_card: Norm = ONE_CARD
    cogstate_one_back: Norm = ONE_BACK
    cogstate_groton_maze: Norm = GROTON_MAZE
    z: float = 1.96
    alpha: float = 0.025
    acute_hours: float = 24
    sedated: float = 4
    slope_visits: int = 4

    def __post_init__(self) -> None:
        """InputError `bad_norm` for a measure that no method can judge by."""
        for name in MEASURES:
            norm = Norm._make(getattr(self, name))  # from JSON it is a bare tuple
            object.__setattr__(self, name, norm)
            wrong = (
                norm.method not in METHODS
                or abs(norm.worse) != 1
                or not norm.sd > 0
                or not 0 < norm.r_lower <= norm.r < 1
                or (norm.method == "temkin" and not norm.sd_difference > 0)
            )
            if wrong:
                raise InputError("bad_norm", f"{name}: no reliable change by {norm}")

    def norm(self, name: str) -> Norm | None:
        """That of a measure as `name_of` writes it, None where it has none.

        >>> Parameters().norm("moca_total").sd, Parameters().norm("own_test")
        (2.01, None)
        """
        return getattr(self, name) if name in MEASURES else None


MEASURES = frozenset(one.name for one in fields(Parameters) if one.type == "Norm")


@lru_cache(maxsize=4096)
def name_of(instrument: str, measure: str | None) -> str:
    """Instrument and measure as one name; a measure that is not named is the total.

    >>> name_of("HVLT-R", "Total recall"), name_of("MoCA", None)
    ('hvlt_r_total_recall', 'moca_total')
    """
    text = f"{instrument} {measure or 'total'}".lower()
    name = "_".join(re.findall("[a-z0-9]+", text))
    return ALIASES.get(name, name)


@lru_cache(maxsize=256)
def expected(norm: Norm) -> Line:
    """The retest score that the baseline leads to expect, a + b x1, and the error of a change.

    Jacobson-Truax: a 0, b 1; Chelune and Temkin: a the practice effect, b 1; regression: its line.
    The error is in points.

    >>> expected(Parameters().sdmt_total)
    Line(intercept=1.8, slope=1.0, error=4.255)
    """
    match norm.method:
        case "jacobson_truax":
            return Line(0.0, 1.0, float(standard_error_of_difference(norm.sd, norm.r)))
        case "chelune":
            return Line(norm.practice, 1.0, float(standard_error_of_difference(norm.sd, norm.r)))
        case "temkin":
            return Line(norm.practice, 1.0, norm.sd_difference)
    return regression_line(norm.mean, norm.sd, norm.mean + norm.practice, norm.sd, norm.r)


def change(norm: Norm, first: float, second: float) -> float:
    """How much worse a score is than the baseline, in standard errors by the measure's method.

    >>> round(change(Parameters().moca_total, 27, 24), 2)
    2.49
    """
    line = expected(norm)
    return norm.worse * (second - line.intercept - line.slope * first) / line.error


def caution(norm: Norm) -> float:
    """What an index shrinks to if the reliability is at its lower limit: the errors' ratio.

        sqrt((1 - r) / (1 - r_lower))

    For the regression error, sqrt(1 - r^2), this is on the safe side.

    >>> moca = Parameters().moca_total
    >>> round(1.96 * expected(moca).error / caution(moca), 2)
    3.43
    """
    return float(((1 - norm.r) / (1 - norm.r_lower)) ** 0.5)
