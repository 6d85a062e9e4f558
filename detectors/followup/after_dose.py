"""What the vital signs of one session say, beside the reading before its dose."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.followup.finding import Finding, Level
from detectors.followup.session import Mark, said
from detectors.followup.vitals import (
    EVENTS,
    NAME,
    PARTS,
    PRESSURES,
    Parameters,
    Pressure,
    Session,
    advice,
    text_of,
)

TAKEN = tuple(f"{part}_{name}" for part in PARTS for name in PRESSURES)
Peaks = list[tuple[int, Mark]]


def judged(one: Session, parameters: Parameters, age: float | None = None) -> list[Finding]:
    """What is to be said of a session after the readings in it."""
    out = _start(one, parameters, age)
    if one.extremes:
        peaks = [(i, mark) for i, name in enumerate(PRESSURES) if (mark := _peak(one, name))]
        out += _excursion(one, parameters)
        out += _hypertension(one, peaks, parameters)
        out += _crisis(one, peaks, parameters)
        out += _return(one, parameters)
        out += _ranges(one, parameters)
    return out


def _start(one: Session, parameters: Parameters, age: float | None) -> list[Finding]:
    raised, before = one.raised, one.before
    if before is None:
        first = next((one.extremes[name] for name in TAKEN if name in one.extremes), None)
        text = "no blood pressure before the dose, so no rise over it can be told"
        return [_finding(one, "no_reading_before", "note", (first,), text)] if first else []
    if raised is None or not one.dose.id:
        return []
    bounds = text_of(advice(parameters, age))
    text = f"{raised} before the dose, the label advises to weigh a delay above {bounds}"
    if raised.id != before.id:
        text += f"; last {before}"
    return [_finding(one, "raised_before", "note", (raised, before), text)]


def _excursion(one: Session, parameters: Parameters) -> list[Finding]:
    before = one.before
    if before is None:
        return []
    marks, texts = [], []
    for i, name in enumerate(PRESSURES):
        mark, base = one.extremes.get(f"early_{name}"), before.pair[i]
        if mark is None or base is None or mark.value - base < parameters.excursion[i]:
            continue
        marks.append(mark)
        texts.append(
            f"{name} {mark.value:g} {mark.when}, {mark.value - base:g} above {base:g} before the "
            f"dose (from {parameters.excursion[i]:g} within {parameters.excursion_minutes:g} min)"
        )
    if not marks:
        return []
    return [_finding(one, "excursion", "finding", (before, *marks), "; ".join(texts))]


def _hypertension(one: Session, peaks: Peaks, parameters: Parameters) -> list[Finding]:
    high = [(i, mark) for i, mark in peaks if mark.value >= parameters.hypertension[i]]
    if not high:
        return []
    before = one.before
    text = (
        "; ".join(f"{PRESSURES[i]} {mark.value:g} {mark.when}" for i, mark in high)
        + f" (hypertension from {text_of(parameters.hypertension)}), "
        + (f"{before} before the dose" if before else "not measured before the dose")
    )
    there = before.pair if before else (None, None)
    emergent = any((there[i] or 0) < parameters.hypertension[i] for i, _ in high)
    marks: list[Mark | Pressure] = [mark for _, mark in high]
    if before:
        marks.insert(0, before)
    return [_finding(one, "hypertension", "finding" if emergent else "note", marks, text)]


def _crisis(one: Session, peaks: Peaks, parameters: Parameters) -> list[Finding]:
    high = [(PRESSURES[i], mark) for i, mark in peaks if mark.value > parameters.crisis[i]]
    if not high:
        return []
    text = "; ".join(f"{name} {mark.value:g} {mark.when}" for name, mark in high)
    text += f" (crisis above {text_of(parameters.crisis)})"
    return [_finding(one, "crisis", "urgent", [mark for _, mark in high], text)]


def _return(one: Session, parameters: Parameters) -> list[Finding]:
    before, last = one.before, one.last
    if before is None or last is None or last.minutes is None:
        return []
    above = [
        f"{name} {now - base:g}"
        for name, now, base, near in zip(
            PRESSURES, last.pair, before.pair, parameters.near, strict=True
        )
        if now is not None and base is not None and now - base > near
    ]
    if not above:
        return []
    text = (
        f"{last} at {last.minutes:g} min, {' and '.join(above)} above {before} before the dose "
        f"(back within {text_of(parameters.near)})"
    )
    codes = ["not_back"]
    if last.minutes >= parameters.prolonged_minutes:
        codes.append("prolonged")
    return [_finding(one, code, "finding", (before, last), text) for code in codes]


def _ranges(one: Session, parameters: Parameters) -> list[Finding]:
    least, most = parameters.heart_rate
    out = []
    if slow := one.extremes.get("heart_rate_low"):
        text = f"heart rate {slow.value:g} {slow.when} (below {least:g})"
        out.append(_finding(one, "heart_rate_low", "finding", (slow,), text))
    if fast := one.extremes.get("heart_rate_high"):
        text = f"heart rate {fast.value:g} {fast.when} (above {most:g})"
        out.append(_finding(one, "heart_rate_high", "finding", (fast,), text))
    if low := one.extremes.get("low_saturation"):
        text = f"saturation {low.value:g} % {low.when} (below {parameters.saturation:g})"
        out.append(_finding(one, "low_saturation", "finding", (low,), text))
    return out


def _peak(one: Session, name: str) -> Mark | None:
    """The highest of a pressure after the dose, the first of equals."""
    early, late = one.extremes.get(f"early_{name}"), one.extremes.get(f"late_{name}")
    return late if early is None or (late and late.value > early.value) else early


def _finding(
    one: Session, code: str, level: Level, marks: Sequence[Mark | Pressure], explanation: str
) -> Finding:
    rests_on = [(mark.id, mark.day) for mark in marks]
    return said(
        NAME,
        one.dose,
        code,
        EVENTS[code],
        level=level,
        marks=rests_on,
        explanation=explanation,
    )
