"""Cognition: reliable change against the patient's own baseline, measure by measure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import ceil

from msgspec.structs import replace
from scipy.special import ndtri

from detectors.followup.cognitive_norms import (
    Parameters,
    caution,
    change,
    expected,
    name_of,
)
from detectors.followup.cognitive_visit import (
    YEAR,
    State,
    Test,
    Visit,
    close,
    counted,
    family,
    least_slope,
    measure_of,
    outcome,
    several,
)
from detectors.followup.finding import Finding, Level
from detectors.followup.record import Observed
from detectors.followup.stream import Stream
from schemas.followup import Cognitive, Dose, Sedation

EVENT, RANGE = "Cognitive test abnormal", "Score out of range"
EVENTS = {
    "decline_acute": EVENT,
    "decline_once": EVENT,
    "decline_provisional": EVENT,
    "decline_repeated": EVENT,
    "decline_several": EVENT,
    "decline_slope": EVENT,
    "score_out_of_range": RANGE,
    "setting_differs": EVENT,
}
# a test under supervision over a screen is taken where the patient lives
PLACES = {"clinic": "@clinic", "home": "@home", "telehealth": "@home"}


def cognitive(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One cognitive score, dose or sedation score.

    The baseline of a measure is its first session after familiarisation, in the same setting; in
    another setting a difference is a note. A decline is a change of `z` or more standard errors
    for the worse, by the method of the measure. One is a note (provisional where it is not beyond
    `z` at the lower limit of the reliability). It is a finding

    - repeated: at this visit and the one before, m P(Z1 > z, Z2 > z) <= alpha with the smaller of
      both indices, m being the measures of the course that have a baseline (Bonferroni);
    - several: two measures of one visit at p <= 2 alpha / m, at the lower limit of their
      reliability (Lehmann, Romano: two or more false ones have a chance of at most alpha);
    - slope: over `slope_visits` visits or more the lower limit, at alpha / m, of the decline per
      year is beyond z standard errors of a change; the residual SD is at least that of one score.

    So at one visit each of them errs with a chance of at most alpha, however the measures depend on
    one another; over many visits the chance adds up. Each is said once until a visit is free of
    it. Tests within `acute_hours` after a dose (of dates alone: on its day or the next), or on a
    day with sedation before the test, are not judged and are no session. The first test of a day
    counts. A slope names its first and last record only. Scores in the units of the norm, days as
    ordinals; measures without a norm say nothing.
    Source: `reliable_change`; Lehmann, Romano, Ann Stat 2005;33:1138-54; rules for use ours.
    Verified against worked examples by hand: `tests/detectors/followup/test_cognitive.py`.

    >>> from detectors.followup.record import observed
    >>> def visit(month: int, score: float) -> Observed:
    ...     return observed(Cognitive(registry="r", record_id=str(month), patient="p", course="c",
    ...         at=f"2025-{month:02}-01", kind="cognitive", instrument="MoCA", score=score))
    >>> state = State()
    >>> for month, score in [(1, 25), (2, 27), (3, 24), (4, 23)]:
    ...     state, found = cognitive(state, visit(month, score), Parameters())
    ...     print([(one.code, one.level) for one in found])
    []
    []
    [('decline_provisional', 'note')]
    [('decline_repeated', 'finding')]
    """
    if observed.day > state.visit.day:
        state = close(state, parameters)
    record = observed.record
    if isinstance(record, Dose):
        return (_dosed(state, observed, parameters) if record.dose_mg > 0 else state), ()
    if isinstance(record, Sedation):
        if record.score > parameters.sedated:
            return state, ()
        return _sedated(state, observed, parameters)
    assert isinstance(record, Cognitive)
    name = name_of(record.instrument, record.measure)
    norm = parameters.norm(name)
    if norm is None:
        return state, ()
    if not norm.lowest <= record.score <= norm.highest:
        text = f"{name} {record.score:g}, outside {norm.lowest:g} to {norm.highest:g}: not judged"
        return state, (_finding(observed.day, "score_out_of_range", name, (observed.id,), text),)
    key = name + PLACES.get(record.setting or "", "")
    based = [k for k, one in state.measures.items() if measure_of(k) == name and one.base_record]
    against = key if key in based else next(iter(based), "")
    test = Test(
        key,
        record.score,
        observed.id,
        record.form or "",
        observed.instant,
        observed.timed,
        against,
        change(norm, state.measures[against].base, record.score) if against else 0.0,
        _acute(state, observed, parameters)
        or _drowsy(state.visit, observed.instant, observed.timed),
    )
    before = _judge(state, parameters)
    visit = replace(state.visit, day=observed.day, tests=(*state.visit.tests, test))
    state = replace(state, visit=visit)
    return state, tuple(one for one in _judge(state, parameters) if one not in before)


def _dosed(state: State, observed: Observed, parameters: Parameters) -> State:
    """Forgets the doses that no later test can be close to."""
    oldest = observed.day - ceil(parameters.acute_hours / 24)
    doses = tuple(one for one in state.doses if one >= oldest)
    days = tuple(one for one in state.dose_days if oldest <= one != observed.day)
    if observed.timed:
        return replace(state, doses=(*doses, observed.instant), dose_days=days)
    return replace(state, doses=doses, dose_days=(*days, observed.day))


def _acute(state: State, observed: Observed, parameters: Parameters) -> str:
    """Why a test measures the acute effect of a dose, "" where it does not."""
    reach = ceil(parameters.acute_hours / 24)
    days = state.dose_days + (() if observed.timed else tuple(int(one) for one in state.doses))
    if any(0 <= observed.day - day <= reach for day in days):
        return "a dose was given that day or the day before"
    seconds = [round((observed.instant - one) * 86_400) for one in state.doses]
    if observed.timed and any(0 <= one <= parameters.acute_hours * 3600 for one in seconds):
        return f"a dose was given within {parameters.acute_hours:g} hours before"
    return ""


def _drowsy(visit: Visit, instant: float, timed: bool) -> str:
    if visit.sedation and (not timed or visit.sedated_from <= instant):
        return "the patient was sedated that day"
    return ""


def _sedated(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """Takes back what was said of tests of the day that the sedation may have touched."""
    before = _judge(state, parameters)
    begin = observed.instant if observed.timed else float(observed.day)
    visit = state.visit
    if not visit.sedation or begin < visit.sedated_from:
        visit = replace(visit, day=observed.day, sedation=observed.id, sedated_from=begin)
    tests = tuple(
        one if one.excluded else replace(one, excluded=_drowsy(visit, one.instant, one.timed))
        for one in visit.tests
    )
    state = replace(state, visit=replace(visit, tests=tests))
    after = _judge(state, parameters)
    kept = {one.key for one in after}
    taken_back = (
        replace(
            one,
            level="note",
            records=(*one.records, observed.id),
            explanation=f"{one.explanation}; not judged: the patient was sedated that day",
        )
        for one in before
        if one.key not in kept
    )
    return state, (*(one for one in after if one not in before), *taken_back)


def _judge(state: State, parameters: Parameters) -> tuple[Finding, ...]:
    """All that is to be said of the visit so far."""
    return tuple(_findings(state, parameters))


def _findings(state: State, parameters: Parameters) -> Iterator[Finding]:
    day, z, m = state.visit.day, parameters.z, family(state)
    for test in state.visit.tests:
        if test.excluded and test.against == test.key and test.index >= z:
            text = f"{_text(state, test)}; not judged: {test.excluded}"
            yield _finding(day, "decline_acute", test.key, _rests_on(state, test), text)
    for test in counted(state):
        norm = parameters.norm(measure_of(test.key))
        assert norm is not None
        base = state.measures[test.against]
        records = _rests_on(state, test)
        if test.against != test.key:
            if abs(test.index) >= z:
                text = (
                    f"{_text(state, test)} (from {z:g}): another setting than that of "
                    f"{test.against}, no decline"
                )
                yield _finding(day, "setting_differs", test.key, records, text)
            continue
        found = outcome(state, test, norm, parameters, m)
        if found.repeated and not base.repeated:
            text = (
                f"{_text(state, test)}, {base.index:.2f} at the visit before (both from {z:g} by "
                f"{norm.method})"
            )
            of_both = (base.base_record, base.index_record, test.record)
            yield _finding(day, "decline_repeated", test.key, of_both, text, level="finding")
        elif found.declined and not base.repeated:
            strict = test.index * caution(norm)
            text = (
                f"{_text(state, test)} (from {z:g} by {norm.method}), {strict:.2f} at the lowest "
                "reliability"
            )
            code = "decline_once" if strict >= z else "decline_provisional"
            yield _finding(day, code, test.key, records, text)
        if found.steep and not base.steep:
            text = (
                f"{test.key} worse by {YEAR * found.trend.slope():.3g} a year over "
                f"{found.trend.n} visits in {day - base.base_day} days, at least "
                f"{least_slope(found.trend, norm, parameters.alpha / m):.3g}; reliable from "
                f"{z * expected(norm).error:.3g}"
            )
            yield _finding(day, "decline_slope", test.key, records, text, level="finding")
    together = several(state, parameters, m)
    if together and not state.several:
        least = float(ndtri(1 - 2 * parameters.alpha / m))
        worse = "; ".join(_text(state, test, parameters) for test in together)
        text = f"{len(together)} of {m} measures at one visit, from {least:.2f} each: {worse}"
        pairs = (_rests_on(state, test) for test in together)
        of_all = tuple(sorted({one for pair in pairs for one in pair}))
        yield _finding(day, "decline_several", "", of_all, text, level="finding")


def _rests_on(state: State, test: Test) -> tuple[str, ...]:
    return state.measures[test.against].base_record, test.record


def _text(state: State, test: Test, strictly: Parameters | None = None) -> str:
    base = state.measures[test.against]
    norm = strictly.norm(measure_of(test.key)) if strictly else None
    index = test.index * caution(norm) if norm else test.index
    form = " on another form" if test.form and base.base_form not in ("", test.form) else ""
    return (
        f"{test.key} {test.score:g}{form}, {base.base:g} at the baseline "
        f"{state.visit.day - base.base_day} days before: worse by {index:.2f} standard errors"
        + (" at the lowest reliability" if norm else "")
    )


def _finding(
    day: int,
    code: str,
    key: str,
    records: tuple[str, ...],
    explanation: str,
    *,
    level: Level = "note",
) -> Finding:
    anchor = f"{key} {date.fromordinal(day).isoformat()}".strip()
    return Finding("cognitive", code, EVENTS[code], day, level, records, explanation, anchor=anchor)


STREAM = Stream(
    name="cognitive",
    kinds=frozenset({"cognitive", "dose", "sedation"}),
    shown_by=frozenset({"cognitive"}),
    start=State(),
    step=cognitive,
    parameters=Parameters(),
    events=EVENTS,
)
