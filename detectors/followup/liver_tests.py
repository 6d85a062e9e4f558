"""Liver tests: thresholds, a patient's own baseline, and multiples of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from detectors.followup.beginning import KETAMINE, Mark
from schemas.followup import Liver

NAMES = {
    "alt": "ALT",
    "ast": "AST",
    "alp": "ALP",
    "ggt": "GGT",
    "bilirubin": "bilirubin",
    "inr": "INR",
}
TRANSAMINASES = ("alt", "ast")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Thresholds in multiples of the upper limit of normal (ULN), or of a raised baseline.

    - Hy's law: ALT or AST from 3, bilirubin over 2, early ALP under 2 (FDA guidance on
      drug-induced liver injury, 2009). Stopping levels: over 3 with bilirubin over 2 or INR over
      1.5; over 5 for two weeks; over 8 (the same guidance, unverified). A test repeated no more
      than `combine_days` after the last one continues it; values of different tests up to as many
      days apart are taken together (30 days: a usual setting of Hy's law plots; unverified).
    - R = (ALT/ULN)/(ALP/ULN): 5 and more hepatocellular, 2 and less cholestatic, mixed in between
      (EASL 2019, doi 10.1016/j.jhep.2019.02.014). R at the onset foretells best (Barritt 2024,
      doi 10.14309/ajg.0000000000003145).
    - ALP over 2 is a case (Aithal 2011, unverified; DILIN enrols from over 2; liver injury of 9.8 %
      of ketamine users over 2, all of it cholestatic: Wong 2014, doi 10.1016/j.cgh.2014.01.041).
      Watched from over 1.5 (ours: in Seto 2018, doi 10.1016/j.jhep.2018.03.006, ALP from 113 U/L
      foretold biliary anomalies of users); GGT from over 2.5 (grade 2 of CTCAE v5).
    - Baseline: the mean of the last two values up to `grace_days` after treatment began (IQ DILI,
      doi 10.1007/s40264-020-01014-2: mean of at least two); where it is over 1, thresholds are
      multiples of it (DILIN enrolment; CTCAE v5; an FDA text that says so was not seen,
      unverified). Whatever the baseline, ALT or AST over 12.5 counts as it stands once it is 1.5
      times the baseline (500 IU/L at an ULN of 40, Sanyal 2011, doi 10.1002/hep.24376; 1.5 CTCAE).
    - A test not seen raised for `lapse_days` begins anew; `wait_days`, `grace_days`: see
      `Treatment.untreated`; ours.
    """

    products: tuple[str, ...] = KETAMINE
    transaminase: float = 3
    bilirubin: float = 2
    inr: float = 1.5
    sustained: float = 5
    sustained_days: int = 14
    high: float = 8
    alp_early: float = 2
    alp_case: float = 2
    alp_watch: float = 1.5
    ggt_watch: float = 2.5
    r_hepatocellular: float = 5
    r_cholestatic: float = 2
    ceiling: float = 12.5
    ceiling_ratio: float = 1.5
    combine_days: int = 30
    lapse_days: int = 180
    grace_days: int = 1
    wait_days: int = 28

    def pattern(self, r: float) -> str:
        """What a ratio R stands for.

        >>> [Parameters().pattern(r) for r in (5, 4.9, 2.1, 2)]
        ['hepatocellular', 'mixed', 'mixed', 'cholestatic']
        """
        if r >= self.r_hepatocellular:
            return "hepatocellular"
        return "mixed" if r > self.r_cholestatic else "cholestatic"

    def raised(self, test: str, times: float) -> bool:
        """Whether a multiple is one to watch: transaminases from their threshold, others over it.

        >>> [Parameters().raised(*pair) for pair in (("alt", 3), ("alp", 1.5), ("ggt", 2.6))]
        [True, False, True]
        """
        if test in TRANSAMINASES:
            return times >= self.transaminase
        bound = {"alp": self.alp_watch, "ggt": self.ggt_watch, "bilirubin": self.bilirubin}
        return test in bound and times > bound[test]


class Baseline(msgspec.Struct, frozen=True, array_like=True):
    """The last two values of a test from before treatment, and their records."""

    values: tuple[float, ...] = ()
    records: tuple[str, ...] = ()

    def with_value(self, value: float, record: str) -> Baseline:
        """After one more.

        >>> Baseline().with_value(1, "a").with_value(2, "b").with_value(4, "c").mean
        3.0
        """
        return Baseline((*self.values, value)[-2:], (*self.records, record)[-2:])

    @property
    def mean(self) -> float | None:
        """Their mean, None where there is none."""
        return sum(self.values) / len(self.values) if self.values else None


NONE = Baseline()


class Baselines(msgspec.Struct, frozen=True):
    """By test."""

    tests: dict[str, Baseline] = {}

    def of(self, test: str) -> Baseline:
        """That of a test, empty where it was not measured before treatment."""
        return self.tests.get(test, NONE)

    def normal(self, test: str) -> float:
        """What counts as back to normal: the ULN, or the baseline where that was above it.

        >>> known = Baselines({"alt": Baseline((2.0,), ("a",)), "alp": Baseline((0.7,), ("a",))})
        >>> known.normal("alt"), known.normal("alp"), known.normal("ggt")
        (2.0, 1.0, 1.0)
        """
        return max(1.0, self.of(test).mean or 0.0)

    def times(self, test: str, value: float, parameters: Parameters) -> float:
        """A value as thresholds see it: in multiples of the ULN, or of a raised baseline.

        >>> known = Baselines({"alt": Baseline((4.0,), ("a",))})
        >>> [known.times("alt", value, Parameters()) for value in (8, 12, 13)]
        [2.0, 3.0, 13]
        """
        base = self.normal(test)
        if (
            test in TRANSAMINASES
            and value > parameters.ceiling
            and value >= parameters.ceiling_ratio * base
        ):
            return value
        return value / base

    def told(self, mark: Mark, parameters: Parameters) -> str:
        """A value with what there was before treatment.

        >>> known = Baselines({"alt": Baseline((2.0,), ("a",)), "alp": Baseline((0.7,), ("a",))})
        >>> for mark in Mark(6, 1, "b", "alt"), Mark(2.5, 1, "b", "alp"), Mark(2.5, 1, "b", "ggt"):
        ...     print(known.told(mark, Parameters()))
        ALT 6 x ULN (3 times the 2 before treatment)
        ALP 2.5 x ULN (0.7 before treatment)
        GGT 2.5 x ULN (not measured before treatment)
        """
        mean = self.of(mark.name).mean
        unit = "" if mark.name == "inr" else " x ULN"
        if mean is None:
            before = "not measured before treatment"
        elif mean > 1:
            before = f"{mark.value / mean:.3g} times the {mean:.3g} before treatment"
            if self.times(mark.name, mark.value, parameters) == mark.value:
                before += f", but over {parameters.ceiling:g}"
        else:
            before = f"{mean:.3g} before treatment"
        return f"{NAMES[mark.name]} {mark.value:.3g}{unit} ({before})"


def measured(record: Liver) -> dict[str, float]:
    """The tests of a record that have a value."""
    values = {
        name: record.inr if name == "inr" else getattr(record, f"{name}_xuln") for name in NAMES
    }
    return {name: value for name, value in values.items() if value is not None}


def ratio(latest: Mapping[str, Mark]) -> tuple[float, Mark, Mark] | None:
    """R with the values that it is of: the newer of ALT and AST, ALT where both are of one day.

    R is defined for ALT; that AST stands in for it is ours.

    >>> alt, alp = Mark(6, 1, "a", "alt"), Mark(1.2, 2, "b", "alp")
    >>> ratio({"alt": alt, "alp": alp})[0], ratio({"alt": alt})
    (5.0, None)
    """
    above = [latest[test] for test in TRANSAMINASES if test in latest]
    alp = latest.get("alp")
    if not above or alp is None or alp.value == 0:
        return None
    newest = max(above, key=lambda mark: mark.day)
    return newest.value / alp.value, newest, alp


def met(
    values: Mapping[str, Mark],
    above: Mark | None,
    times: Mapping[str, float],
    parameters: Parameters,
) -> dict[str, Mark]:
    """The thresholds that a record meets, each with the value that does.

    `above` is ALT or AST, the one that is the greater multiple.

    >>> alt = Mark(5.5, 1, "a", "alt")
    >>> list(met({"alt": alt}, alt, {"alt": 5.5}, Parameters()))
    ['above', 'stop', 'long']
    """
    out = {}
    if above is not None:
        most = times[above.name]
        reached = {
            "above": most >= parameters.transaminase,
            "stop": most > parameters.transaminase,
            "long": most > parameters.sustained,
            "high": most > parameters.high,
        }
        out = {name: above for name, is_met in reached.items() if is_met}
    bounds = {
        "bilirubin": ("bilirubin", parameters.bilirubin),
        "inr": ("inr", parameters.inr),
        "alp": ("alp", parameters.alp_case),
        "alp_watch": ("alp", parameters.alp_watch),
        "ggt_watch": ("ggt", parameters.ggt_watch),
    }
    return out | {
        name: values[test] for name, (test, bound) in bounds.items() if times.get(test, 0) > bound
    }
