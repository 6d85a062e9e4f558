"""Vital signs: thresholds and names, one reading, and what a session keeps of its readings."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from detectors.followup import session
from detectors.followup.session import Mark
from schemas.followup import VitalSigns

NAME = "cardiovascular"
PRESSURES = ("systolic", "diastolic")
PARTS = ("early", "late")
DAY_BEFORE = -1440.0  # where a reading without minutes stands: before those with
# what vital signs show after a dose is not what a form reports as raised blood pressure: names
# of their own keep these rates from standing beside the 0.9 % of sessions of the REMS
EVENTS = {
    "excursion": "Blood pressure excursion after a dose (vital signs)",
    "hypertension": "Treatment-emergent hypertension (vital signs)",
    "crisis": "Hypertensive crisis",
    "crisis_at_rest": "Hypertensive crisis",
    "not_back": "Blood pressure not back before discharge",
    "prolonged": "Prolonged blood pressure rise after a dose",
    "raised_before": "Blood pressure raised before a dose",
    "no_reading_before": "Blood pressure before the dose not measured",
    "heart_rate_high": "Heart rate increased",
    "heart_rate_low": "Heart rate decreased",
    "low_saturation": "Oxygen saturation decreased",
    "new_stage_2": "Hypertension",
    "resting_rise": "Resting blood pressure rising",
    "qtc_long": "Electrocardiogram QT prolonged",
    "qtc_rise": "Electrocardiogram QT prolonged",
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Thresholds, systolic and diastolic in mmHg.

    `excursion` over the value before the dose within `excursion_minutes`: the outcome of the
    esketamine label (2021 reprint). `hypertension`: Rodrigues et al. 2022, >= 165/100 mmHg,
    which we read as either. `crisis`: ACC/AHA 2017, above it, either. `near`, how far above the
    value before the dose is still back: ours; `discharge_minutes`, the two hours of the label;
    `prolonged_minutes`, ours from the label's about four hours of effect. `advice`: the label's
    guide, above it, either; `advice_older` systolic above `older` years is the esketamine
    trials' rule (Doherty 2020). Heart rate (a minute) and saturation (%): unverified.
    `stage_2`: ACC/AHA 2017, whose mean of two readings on two occasions we take as two visits
    `apart_days` apart and the mean of `mean_days`. QTc (ms): more than `qtc_ms`, or
    `qtc_rise_ms` above baseline, as a guideline table has it after ICH E14 (text not seen). The
    `trend_*` of the slope: ours; of 9,000 simulated courses of weekly visits over two years
    about a flat line, 33 were noted.
    """

    excursion: tuple[float, float] = (40, 25)
    excursion_minutes: float = 90
    hypertension: tuple[float, float] = (165, 100)
    crisis: tuple[float, float] = (180, 120)
    near: tuple[float, float] = (20, 15)
    discharge_minutes: float = 120
    prolonged_minutes: float = 240
    advice: tuple[float, float] = (140, 90)
    advice_older: float = 150
    older: float = 65
    heart_rate: tuple[float, float] = (50, 120)
    saturation: float = 90
    stage_2: tuple[float, float] = (140, 90)
    apart_days: int = 7
    mean_days: int = 28
    trend_visits: int = 6
    trend_days: int = 90
    trend_errors: float = 4
    trend_mmhg: float = 10
    qtc_ms: float = 500
    qtc_rise_ms: float = 60


class Pressure(msgspec.Struct, frozen=True, array_like=True):
    """One reading; of the two pressures one may be missing."""

    systolic: float | None
    diastolic: float | None
    minutes: float | None
    id: str
    day: int

    @property
    def pair(self) -> tuple[float | None, float | None]:
        """Systolic, diastolic."""
        return self.systolic, self.diastolic

    def __str__(self) -> str:
        return "/".join("?" if value is None else f"{value:g}" for value in self.pair)


class Session(session.Session, frozen=True):
    """The last reading before the dose, the first that was too high, the last late one, extremes.

    `extremes`: the highest pressures up to and after the time of an excursion; the highest and
    lowest heart rate and the lowest saturation where out of range. All after the dose.
    """

    before: Pressure | None = None
    raised: Pressure | None = None
    last: Pressure | None = None
    extremes: dict[str, Mark] = msgspec.field(default_factory=dict)


def measured(
    one: Session,
    reading: Pressure,
    record: VitalSigns,
    parameters: Parameters,
    age: float | None = None,
) -> Session:
    """The session with one more reading in it.

    At or before the dose, or without minutes, it is what the others are compared with; after the
    dose it may be the last late one, or an extreme.
    """
    known = reading.pair != (None, None)
    minutes = reading.minutes
    if minutes is None or minutes <= 0:
        if not known:
            return one
        raised = one.raised or (reading if is_raised(reading, parameters, age) else None)
        whole = one.before is not None and None not in one.before.pair
        # a reading of one pressure alone does not take the place of one of both
        kept = one.before if whole and None in reading.pair else _later(one.before, reading)
        return msgspec.structs.replace(one, before=kept, raised=raised)
    part = "early" if minutes <= parameters.excursion_minutes else "late"
    extremes = dict(one.extremes)
    rate, saturation = record.heart_rate_bpm, record.spo2_percent
    slow = rate if rate is not None and rate < parameters.heart_rate[0] else None
    fast = rate if rate is not None and rate > parameters.heart_rate[1] else None
    low = saturation if saturation is not None and saturation < parameters.saturation else None
    for name, value, sign in (
        (f"{part}_systolic", record.systolic_mmhg, 1),
        (f"{part}_diastolic", record.diastolic_mmhg, 1),
        ("heart_rate_low", slow, -1),
        ("heart_rate_high", fast, 1),
        ("low_saturation", low, -1),
    ):
        if value is not None and (
            name not in extremes or sign * value > sign * extremes[name].value
        ):
            extremes[name] = Mark(value, minutes, reading.id, reading.day)
    late = known and minutes >= parameters.discharge_minutes
    last = _later(one.last, reading) if late else one.last
    return msgspec.structs.replace(one, last=last, extremes=extremes)


def is_raised(reading: Pressure, parameters: Parameters, age: float | None) -> bool:
    """Whether the label advises to weigh a delay.

    >>> high = Pressure(145, 85, -5, "r", 739435)
    >>> is_raised(high, Parameters(), 44), is_raised(high, Parameters(), 66)
    (True, False)
    """
    return _over(reading, advice(parameters, age))


def is_crisis(reading: Pressure, parameters: Parameters) -> bool:
    """Whether it is above the bounds of a crisis, in one pressure or both."""
    return _over(reading, parameters.crisis)


def _later(held: Pressure | None, reading: Pressure) -> Pressure:
    if held is None:
        return reading
    order = [DAY_BEFORE if one.minutes is None else one.minutes for one in (held, reading)]
    return reading if order[1] >= order[0] else held


def _over(reading: Pressure, bounds: tuple[float, float]) -> bool:
    return any(
        value is not None and value > bound
        for value, bound in zip(reading.pair, bounds, strict=True)
    )


def advice(parameters: Parameters, age: float | None) -> tuple[float, float]:
    """Above which pressures a delay is to be weighed, at an age in years, None: not known."""
    if age is not None and age > parameters.older:
        return parameters.advice_older, parameters.advice[1]
    return parameters.advice


def text_of(bounds: tuple[float, float]) -> str:
    """Both bounds as a pressure is written."""
    return f"{bounds[0]:g}/{bounds[1]:g}"
