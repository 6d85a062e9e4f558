"""Liver harm: Hy's law, levels at which to stop, and the cholestatic pattern of ketamine."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from detectors.followup.beginning import Mark
from detectors.followup.finding import Finding
from detectors.followup.liver_course import (
    CHOLESTATIC,
    EVENTS,
    HEPATOCELLULAR,
    PATTERNS,
    Onset,
    Rise,
    State,
    Told,
)
from detectors.followup.liver_tests import (
    NAMES,
    TRANSAMINASES,
    Baselines,
    Parameters,
    measured,
    met,
    ratio,
)
from detectors.followup.record import Observed
from detectors.followup.stream import Stream
from schemas.followup import Liver


def hepatic(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One record of liver tests; enrolment, doses and dispensings say when treatment began.

    Values up to the start of treatment are the baseline: one that is already raised is a note and
    never a finding. Later values are held against thresholds in multiples of the ULN, or of the
    baseline where that was above the ULN (`Baselines.times`).
    A raised value is a note ("repeat it"), on a second day a finding, back to normal a note; what
    was back to normal, or not seen raised for `lapse_days`, begins anew.
    At once and urgent: Hy's law (ALT or AST with bilirubin, and an ALP under 2 at the onset: on the
    record of the first raised transaminase, else the last one before or the first after it), the
    levels at which to stop, and ALP with bilirubin. Hy's law also asks that no other cause is
    found, which a person has to see to; without an ALP it cannot be judged and the stopping level
    alone speaks. Cholestasis is a finding without any wait for ALT, since ketamine harms the bile
    ducts: ALP over 2 unless GGT is normal (then bone may be its source), or ALP and GGT both
    raised. R with its pattern is a note.
    Values of different records count together up to `combine_days` apart. Missing tests say
    nothing. Values in multiples of the ULN, INR as it is, days as ordinals.
    Source: see `Parameters`; Cotter et al., Drug Saf 2021 (biliary pattern of ketamine).
    Verified against worked examples by hand: `tests/detectors/followup/test_hepatic.py`.

    >>> from detectors.followup.record import observed
    >>> def tests(day: int, **values: float) -> Observed:
    ...     return observed(Liver(registry="r", record_id=f"t{day}", patient="p", course="c",
    ...         at=f"2025-07-{day:02}", kind="liver", **values))
    >>> from detectors.followup.beginning import Treatment
    >>> state = State(treatment=Treatment(entry=739430, start=739430))  # 28 June 2025
    >>> state, first = hepatic(state, tests(3, alt_xuln=6, alp_xuln=1.2), Parameters())
    >>> [(one.code, one.level) for one in first]
    [('alt_raised_once', 'note'), ('pattern_hepatocellular', 'note')]
    >>> state, (_, found) = hepatic(state, tests(9, bilirubin_xuln=2.4), Parameters())
    >>> found.code, found.level, found.records
    ('hys_law', 'urgent', ('t3', 't9'))
    >>> for clause in found.explanation.split("; "):
    ...     print(clause)
    ALT 6 x ULN (not measured before treatment), from 3
    bilirubin 2.4 x ULN (not measured before treatment), over 2, 6 days apart
    early ALP 1.2 x ULN (not measured before treatment), under 2
    R 5 at the onset, hepatocellular
    """
    record = observed.record
    state = replace(state, treatment=state.treatment.after(observed, parameters.products))
    if not isinstance(record, Liver):
        return state, ()
    values = {
        test: Mark(value, observed.day, observed.id, test)
        for test, value in measured(record).items()
    }
    state = replace(state, latest=_recent(state.latest, observed.day, parameters) | values)
    if state.treatment.untreated(observed.day, parameters.grace_days, parameters.wait_days):
        return _before_treatment(state, values, observed.day, parameters)
    return _under_treatment(state, values, observed.day, parameters)


def _before_treatment(
    state: State, values: Mapping[str, Mark], day: int, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    known = dict(state.baselines.tests)
    for test, mark in values.items():
        known[test] = state.baselines.of(test).with_value(mark.value, mark.record)
    baselines = Baselines(known)
    told = Told(day, baselines, parameters)
    for test, mark in values.items():
        mean = baselines.normal(test)
        if parameters.raised(test, mean):
            text = f"{NAMES[test]} {mean:.3g} x ULN before treatment: later values are held to it"
            told.add("raised_at_start", "note", [mark], text, about=NAMES[test])
    return replace(state, baselines=baselines), tuple(told.findings)


def _under_treatment(
    state: State, values: Mapping[str, Mark], day: int, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    base = state.baselines
    times = {test: base.times(test, mark.value, parameters) for test, mark in values.items()}
    above = max(
        (values[test] for test in TRANSAMINASES if test in values),
        key=lambda mark: times[mark.name],
        default=None,
    )
    now = met(values, above, times, parameters)
    state = replace(
        state,
        rises={
            test: rise
            for test, rise in state.rises.items()
            if day - rise.last_day <= parameters.lapse_days
        },
    )
    told = Told(day, base, parameters, _still_held(state, now))
    rises = _watched(state.rises, values, times, told, parameters)
    onset = _onset(state, values, now, day, parameters)
    recent = _recent(state.hits, day, parameters)
    long = state.long if "long" in recent else None
    if above is not None:
        long = (long or above) if "long" in now else None
    state = replace(state, rises=rises, onset=onset, hits=recent | now, long=long)
    _hepatocellular(state, now, told, parameters)
    _cholestatic(state, told, parameters)
    if ("above" in now or "alp" in now) and (found := ratio(state.latest)):
        r, *marks = found
        pattern = parameters.pattern(r)
        told.once(
            f"pattern_{pattern}",
            "note",
            marks,
            f"{told.value(*marks)}; R {r:.3g}, {pattern}",
        )
    return replace(state, held=tuple(sorted(told.held))), tuple(told.findings)


def _recent(marks: Mapping[str, Mark], day: int, parameters: Parameters) -> dict[str, Mark]:
    return {name: mark for name, mark in marks.items() if day - mark.day <= parameters.combine_days}


def _still_held(state: State, now: Mapping[str, Mark]) -> set[str]:
    """The codes held, less those of a kind of harm that begins anew with this record."""
    held = set(state.held)
    if "above" in now and not state.rises.keys() & TRANSAMINASES:
        held -= HEPATOCELLULAR.keys() | PATTERNS.keys()
    if "alp_watch" in now and "alp" not in state.rises:
        held -= CHOLESTATIC.keys() | PATTERNS.keys()
    return held


def _watched(
    rises: Mapping[str, Rise],
    values: Mapping[str, Mark],
    times: Mapping[str, float],
    told: Told,
    parameters: Parameters,
) -> dict[str, Rise]:
    """Each test by itself: raised once, on a second day, back to normal."""
    out = dict(rises)
    for test, mark in values.items():
        rise = out.get(test)
        if parameters.raised(test, times[test]):
            if rise is None:
                out[test] = Rise(mark, mark, mark.day)
                told.add(f"{test}_raised_once", "note", [mark], told.value(mark))
                continue
            again = rise.again or rise.first.day < mark.day
            top = max(rise.top, mark, key=lambda one: one.value)
            out[test] = Rise(rise.first, top, mark.day, again)
            if again and not rise.again:
                text = f"{told.value(mark)}, {rise.first.value:.3g} {_ago(rise.first, mark)}"
                told.add(f"{test}_raised", "finding", [rise.first, mark], text)
        elif rise is not None and mark.value <= told.baselines.normal(test):
            del out[test]
            text = f"{told.value(mark)}, {rise.top.value:.3g} {_ago(rise.top, mark)}"
            told.add("resolved", "note", [rise.first, rise.top, mark], text, about=NAMES[test])
    return out


def _onset(
    state: State,
    values: Mapping[str, Mark],
    now: Mapping[str, Mark],
    day: int,
    parameters: Parameters,
) -> Onset | None:
    if "above" in now and not state.rises.keys() & TRANSAMINASES:
        return Onset(values.get("alt", now["above"]), state.latest.get("alp"))
    onset = state.onset
    if onset and onset.alp is None and day - onset.above.day <= parameters.combine_days:
        return Onset(onset.above, values.get("alp"))
    return onset


def _hepatocellular(
    state: State, now: Mapping[str, Mark], told: Told, parameters: Parameters
) -> None:
    """Hy's law and the levels at which to stop."""
    onset = state.onset
    above, stop = state.hits.get("above"), state.hits.get("stop")
    bilirubin, inr = state.hits.get("bilirubin"), state.hits.get("inr")
    early = onset.alp if onset else None
    if (
        above
        and bilirubin
        and onset
        and early
        and state.baselines.times("alp", early.value, parameters) < parameters.alp_early
    ):
        r = onset.above.value / early.value if early.value else None
        told.once(
            "hys_law",
            "urgent",
            [above, bilirubin, early, onset.above],
            f"{told.value(above)}, from {parameters.transaminase:g}; {told.value(bilirubin)}, "
            f"over {parameters.bilirubin:g}, {_apart(above, bilirubin)}; "
            f"early {told.value(early)}, under {parameters.alp_early:g}"
            + (f"; R {r:.3g} at the onset, {parameters.pattern(r)}" if r else ""),
        )
    elif stop and bilirubin:
        told.once(
            "transaminases_with_bilirubin",
            "urgent",
            [stop, bilirubin, *([early] if early else [])],
            f"{told.value(stop)}, over {parameters.transaminase:g}; {told.value(bilirubin)}, over "
            f"{parameters.bilirubin:g}, {_apart(stop, bilirubin)}; "
            + (f"early {told.value(early)}" if early else "early ALP not known"),
        )
    if stop and inr:
        told.once(
            "transaminases_with_inr",
            "urgent",
            [stop, inr],
            f"{told.value(stop)}, over {parameters.transaminase:g}; {told.value(inr)}, over "
            f"{parameters.inr:g}, {_apart(stop, inr)}",
        )
    if high := now.get("high"):
        text = f"{told.value(high)}, over {parameters.high:g}"
        told.once("transaminases_high", "urgent", [high], text)
    last = now.get("long")
    if state.long and last and last.day - state.long.day >= parameters.sustained_days:
        told.once(
            "transaminases_sustained",
            "urgent",
            [state.long, last],
            f"{told.value(last)}, over {parameters.sustained:g} since {last.day - state.long.day} "
            f"days (from {parameters.sustained_days:g})",
        )


def _cholestatic(state: State, told: Told, parameters: Parameters) -> None:
    """ALP and GGT, with no wait for transaminases."""
    hits = state.hits
    alp, watch, ggt = hits.get("alp"), hits.get("alp_watch"), hits.get("ggt_watch")
    last = state.latest.get("ggt")
    if watch and ggt:
        text = f"{told.value(watch, ggt)}; over {parameters.alp_watch:g} and over "
        text += f"{parameters.ggt_watch:g}, {_apart(watch, ggt)}"
        told.once("cholestasis", "finding", [watch, ggt], text)
    elif alp and (last is None or last.value > state.baselines.normal("ggt")):
        text = f"{told.value(alp)}, over {parameters.alp_case:g}; "
        text += told.value(last) if last else "GGT not measured"
        told.once("cholestasis", "finding", [alp, *([last] if last else [])], text)
    if alp and (bilirubin := hits.get("bilirubin")):
        text = f"{told.value(alp, bilirubin)}; over {parameters.alp_case:g} and over "
        text += f"{parameters.bilirubin:g}, {_apart(alp, bilirubin)}"
        told.once("cholestatic_jaundice", "urgent", [alp, bilirubin], text)


def _apart(one: Mark, other: Mark) -> str:
    return f"{abs(one.day - other.day)} days apart"


def _ago(earlier: Mark, later: Mark) -> str:
    return f"{later.day - earlier.day} days before"


STREAM = Stream(
    name="hepatic",
    kinds=frozenset({"enrolment", "dose", "dispensing", "liver"}),
    start=State(),
    step=hepatic,
    parameters=Parameters(),
    events=EVENTS,
)
