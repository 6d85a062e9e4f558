"""The figures of what is measured: acute effects, blood pressure, tests, scales, supplies."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

Pair = tuple[float, float]


class Recurring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An effect that only some have, and these again: shares of 1.

    >>> effect = Recurring(prone=0.5, first=0.8, later=0.4, falls=2.0)
    >>> [round(float(chance), 3) for chance in effect.chance(np.array([1, 3, 100]))]
    [0.8, 0.547, 0.4]
    """

    prone: float
    first: float
    later: float
    falls: float

    def chance(self, session: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Of the effect in a session (from 1 on) of somebody prone to it."""
        fallen = self.later + (self.first - self.later) * np.exp((1 - session) / self.falls)
        return np.asarray(fallen, dtype=np.float64)


class Acute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a session brings for an hour or two."""

    dissociation: dict[str, Recurring]
    sedation: dict[str, Recurring]
    deeper: tuple[float, ...]
    height: float
    lasting: float
    drowsy_later: float


class Rise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How blood pressure rises after a dose: mean, SD of patients, SD of sessions."""

    systolic: tuple[float, float, float]
    diastolic: tuple[float, float, float]
    old: Pair
    crisis: float


class Pressure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Blood pressure, heart rate, saturation, QTc."""

    systolic: float
    diastolic: float
    age_slope: float
    men: float
    between: float
    within: float
    reading: float
    diastolic_share: float
    withheld: tuple[float, float, float]
    shape: dict[str, float]
    heart_rate: tuple[float, float, float, float]
    saturation: Pair
    desaturated: float
    qtc: tuple[float, float, float, float]
    rise: dict[str, Rise]


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a programme's form, and who else reports, says of it."""

    raised: float
    raised_men: float
    raised_young: float
    home: float
    home_events: tuple[str, ...]
    spontaneous: float


class CognitiveTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measure of a cognitive test; `score` is mean, SD and retest correlation."""

    instrument: str
    measure: str
    score: tuple[float, float, float]
    practice: float
    better: Literal[1, -1]
    digits: int = 0
    range: Pair | None = None
    forms: tuple[str, ...] = ()


class Cognition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all tests have in common."""

    shared: float
    acute: float
    acute_effect: float
    learning: float


class MoodScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """First score (mean, SD), error of a score, range."""

    first: Pair
    error: float
    range: Pair


class Mood(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How mood gets better, and worse again."""

    improvement: Pair
    weeks: float
    relapse: float
    means: dict[str, float]
    scale: dict[str, MoodScale]


class Suicidality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ideation at the start, serious events a year."""

    ideation: float
    high: float
    serious: float


class UrinaryScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`score`: mean of the symptomless, bound of the symptomatic, error; `harmed`: mean, SD."""

    score: tuple[float, float, float]
    harmed: Pair
    range: Pair


class Urinary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Urinary symptoms that pass, and that last."""

    episodes: float
    unscheduled: float
    haematuria: float
    symptoms: float
    persistent: float
    ramp: float
    bleeds: float
    scale: dict[str, UrinaryScale]


class Liver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Liver tests, multiples of the upper limit of normal."""

    alt: float
    ggt: float
    ast_with_alt: float
    medians: dict[str, float]
    between: float
    within: float


class Supply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is handed out for home, and how misuse shows."""

    days: int
    jitter: float
    early: float
    lost: float
    returned: float
    onset: float
    dast: Pair
    sds: Pair
    early_after: Pair
    escalation: float
    another: float
    lost_after: float


class Amiss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is missing, late or wrong: shares of records."""

    missing: float
    visits_missed: float
    late: float
    corrected: float
    backwards: float
    nullified: float
    repeated: float
