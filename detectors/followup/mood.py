"""Mood: scores that rise, in treatment and after it was stopped, against the course's own past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from detectors.followup.finding import Finding
from detectors.followup.record import Observed
from detectors.followup.stream import Stream
from detectors.followup.treatment import KINDS, Treatment
from schemas.followup import Mood

# of increasing weight; a rise that is several of them is the last
RISES = ("", "worse", "relapse", "deterioration")
WORSE, RELAPSE, DETERIORATION = 1, 2, 3
EVENTS = {
    f"{domain}_{what}": event
    for domain, event in (("depression", "Depression"), ("anxiety", "Anxiety"))
    for what in (
        "rise",
        "relapse",
        "deterioration",
        "worse_after_stopping",
        "relapse_after_stopping",
        "deterioration_after_stopping",
    )
}
NAMES = {
    "phq9": "phq_9",
    "madrs": "madrs",
    "qidssr16": "qids_sr16",
    "qidssr": "qids_sr16",
    "gad7": "gad_7",
}
LABELS = {"phq_9": "PHQ-9", "madrs": "MADRS", "qids_sr16": "QIDS-SR16", "gad_7": "GAD-7"}


class Scale(NamedTuple):
    """What a rise is measured by, in points of a scale.

    `highest` is the highest score that there is; `change` the smallest that matters to a patient,
    for notes; `reliable` that which is beyond chance for one person, for what counts; `relapse` the
    score from which a rise after a response is a relapse, `severe` that from which a rise needs no
    second visit.
    """

    highest: float
    change: float
    reliable: float
    relapse: float
    severe: float


# Bands: Kroenke 2001. Change, 2 standard errors of measurement: Loewe et al., Med Care
# 2004;42:1194-201; reliable by that error: 1.96 x sqrt(2) x 2.5 = 6.93. Relapse: ours, the cut-off
# of a case.
PHQ_9 = Scale(27, 5, 7, 10, 20)
# Bands as Snaith proposed; severe from 35 (Mueller 2000, n 40; from 31 in Mueller 2003). Relapse as
# in SUSTAIN-1, unverified. Both changes are ours: the 1.6 to 1.9 that matter between groups are
# within the error of one person's change (5 points at a retest ICC of 0.91, Johnson, and SD 6).
MADRS = Scale(60, 6, 6, 22, 35)
# Bands: Rush 2003, Trivedi 2004; relapse: Rush et al., Psychological Medicine, on the prior course
# of illness in STAR*D. Change: ours, the width of a band; reliable: ours, unverified.
QIDS_SR16 = Scale(27, 5, 6, 11, 16)
# Bands: Spitzer et al., Arch Intern Med 2006;166:1092-7. Change: Toussaint et al., J Affect Disord
# 2020;265:395-401; reliable: Bischoff et al., Psychother Couns Health 2020 (doi
# 10.5964/pch.v8i1.309). Relapse: ours, the cut-off of a case.
GAD_7 = Scale(21, 4, 6, 10, 15)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The scales with their bands (sources beside them), and the rules common to all.

    `response` 0.5: a fall by half (field's convention). Ours: `stopped_days` 42 without a dose,
    one and a half of the longest interval in use (4 weeks), after which treatment is taken as
    stopped; `untold_days` 56, for which a course may be seen without a dose and still be before
    its first.
    """

    phq_9: Scale = PHQ_9
    phq_9_bands: tuple[float, ...] = (5, 10, 15, 20)
    madrs: Scale = MADRS
    madrs_bands: tuple[float, ...] = (7, 20, 35)
    qids_sr16: Scale = QIDS_SR16
    qids_sr16_bands: tuple[float, ...] = (6, 11, 16, 21)
    gad_7: Scale = GAD_7
    gad_7_bands: tuple[float, ...] = (5, 10, 15)
    response: float = 0.5
    stopped_days: int = 42
    untold_days: int = 56

    def scale(self, name: str) -> Scale:
        """One of `NAMES`; from JSON it is a bare tuple.

        >>> Parameters().scale("gad_7").change
        4
        """
        return Scale._make(getattr(self, name))

    def band(self, name: str, score: float) -> int:
        """How many bands begin at or below a score.

        >>> Parameters().band("gad_7", 9), Parameters().band("gad_7", 10)
        (1, 2)
        """
        return sum(score >= bound for bound in getattr(self, f"{name}_bands"))


class Scores(msgspec.Struct, frozen=True, array_like=True):
    """One scale: the score at the start, the best that held for two visits, and the last.

    `rise` is what the last was against these by the reliable change, `hint` the same by the smaller
    one, and `told` the greatest rise told since the last visit without a hint.
    """

    start: float
    start_record: str
    best: float
    best_record: str
    last: float
    last_record: str
    last_day: int
    rise: int = 0
    hint: int = 0
    told: int = 0


class State(msgspec.Struct, frozen=True, array_like=True):
    """Treatment, and the scores by scale."""

    treatment: Treatment = Treatment()
    scales: dict[str, Scores] = {}


def mood(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One total of a scale, or a record that tells of treatment.

    The start is the last score before the first dose, else the first after it; the best is the
    lowest level that held for two visits, since the lowest of many scores is low by chance. A rise
    is, by weight,

    - a deterioration: that much or more above the start;
    - a relapse: that much above the best and from `relapse`, the best being a response (a fall from
      the start by `response`);
    - worse: that much above the best, and in a worse band.

    By `change` it is a note. By `reliable` it counts at a second visit in a row, with the lesser
    weight of both, or at once from `severe`; `change` is within chance, and by it alone simulated
    courses that stay as they are would count about twice as often. In treatment, scores that are
    worse without more remain a note: they swing between doses. After stopping (an exit, or
    `stopped_days` without a dose) they count. Each weight is told once until a visit is free of a
    rise. Before the first dose nothing is judged. Scores in points, days as ordinals; scales
    without bands, and totals above the highest, say nothing. The rise of an anxiety scale counts as
    Anxiety, of the others as Depression.
    Source: see the scales and `Parameters`; the rules are ours.
    Verified against worked examples by hand: `tests/detectors/followup/test_mood.py`.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import Dose
    >>> common = dict(registry="r", patient="p", course="c")
    >>> def visit(day: int, score: float) -> Observed:
    ...     return observed(Mood(**common, record_id=str(day), at=f"2025-07-{day:02}", kind="mood",
    ...         instrument="PHQ-9", score=score))
    >>> dose = Dose(**common, record_id="d", at="2025-07-01", kind="dose", product="x", dose_mg=56)
    >>> state, _ = mood(State(), observed(dose), Parameters())
    >>> for day, score in [(1, 18), (8, 6), (15, 5), (22, 13), (29, 14)]:
    ...     state, found = mood(state, visit(day, score), Parameters())
    >>> found[0].code, found[0].level, found[0].explanation
    ('depression_relapse', 'finding', 'PHQ-9 14, 18 at the start, best held 6: from 10 after a \
response and 7 or more above the best, at a second visit')
    """
    treatment = state.treatment.after(observed, parameters.untold_days)
    state = replace(state, treatment=treatment)
    record = observed.record
    if not isinstance(record, Mood):
        return state, ()
    name = NAMES.get("".join(one for one in record.instrument.lower() if one.isalnum()), "")
    if not name or record.score > parameters.scale(name).highest:
        return state, ()
    scores = state.scales.get(name)
    if scores is None or treatment.preceded_by(observed):
        point = (record.score, observed.id)
        start = Scores(*point, *point, *point, observed.day)
        return replace(state, scales=state.scales | {name: start}), ()
    scale = parameters.scale(name)
    rise = _rise(scores, record.score, name, scale.reliable, parameters)
    hint = _rise(scores, record.score, name, scale.change, parameters)
    stopped = treatment.stopped(observed.day, parameters.stopped_days)
    severe = record.score >= scale.severe
    repeated = scores.rise > 0 and scores.last_day < observed.day
    weight = rise if severe else min(rise, scores.rise) if repeated else 0
    if weight == WORSE and not stopped:
        weight = 0
    found: tuple[Finding, ...] = ()
    if weight > scores.told or hint > max(scores.hint, scores.told):
        told = weight if weight > scores.told else 0
        code = "anxiety" if name == "gad_7" else "depression"
        code += f"_{RISES[told]}{'_after_stopping' * stopped}" if told else "_rise"
        records: tuple[str, ...] = (scores.start_record, scores.best_record)
        records += (scores.last_record,) if repeated else ()
        points = scale.reliable if told else scale.change
        reason = _reason(told or hint, points, scale.relapse)
        text = (
            f"{LABELS[name]} {record.score:g}{' after stopping' * stopped}, {scores.start:g} at "
            f"the start, best held {scores.best:g}: {reason}, "
        )
        if severe:
            text += f"severe from {scale.severe:g}"
        else:
            text += "at a second visit" if repeated else "at one visit"
        found = (
            Finding(
                "mood",
                code,
                EVENTS[code],
                observed.day,
                "finding" if told else "note",
                tuple(dict.fromkeys((*records, observed.id))),
                text,
                anchor=f"{name} {date.fromordinal(observed.day).isoformat()}",
            ),
        )
    scores = replace(
        _measured(scores, observed, record.score),
        rise=rise,
        hint=hint,
        told=max(scores.told, weight) if hint else 0,
    )
    return replace(state, scales=state.scales | {name: scores}), found


def _rise(scores: Scores, score: float, name: str, points: float, parameters: Parameters) -> int:
    if score >= scores.start + points:
        return DETERIORATION
    if score < scores.best + points:
        return 0
    responded = scores.best <= scores.start * (1 - parameters.response)
    if responded and score >= parameters.scale(name).relapse:
        return RELAPSE
    return WORSE if parameters.band(name, score) > parameters.band(name, scores.best) else 0


def _reason(rise: int, points: float, relapse: float) -> str:
    if rise == DETERIORATION:
        return f"{points:g} or more above the start"
    if rise == RELAPSE:
        return f"from {relapse:g} after a response and {points:g} or more above the best"
    return f"{points:g} or more above the best, in a worse band"


def _measured(scores: Scores, observed: Observed, score: float) -> Scores:
    """With one more score; the higher of the last two is what held."""
    if max(scores.last, score) < scores.best:
        held = (scores.last, scores.last_record)
        best, best_record = max(held, (score, observed.id))
        scores = replace(scores, best=best, best_record=best_record)
    return replace(scores, last=score, last_record=observed.id, last_day=observed.day)


STREAM = Stream(
    name="mood",
    kinds=KINDS | {"mood"},
    start=State(),
    step=mood,
    parameters=Parameters(),
    events=EVENTS,
)
