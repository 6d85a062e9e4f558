"""What the row rules judge: one number a rule and record, None where there is nothing to judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from schemas.quality.limits import limits
from schemas.quality.spans import days_after

Measure = Mapping[str, float | None]


def report(body: Mapping[str, Any], taken_day: int) -> Measure:
    """Measures of a report, named as the rules are.

    >>> body = {"received_at": "2025-07-03", "patient": {"age_years": 31}}
    >>> report(body, date(2025, 7, 4).toordinal())["age_range"]
    31
    """
    patient = body.get("patient") or {}
    received = body["received_at"]
    taken = date.fromordinal(taken_day).isoformat()
    first = body.get("first_received_at")
    dose = started = order = stopped = onset = None
    for product in body.get("products", ()):
        dose = _greater(dose, product.get("dose_mg"))
        begin, end = product.get("started_at"), product.get("stopped_at")
        if begin:
            started = _greater(started, days_after(begin, received))
        if end:
            stopped = _greater(stopped, days_after(end, taken))
            if begin:
                order = _greater(order, days_after(begin, end))
    for reaction in body.get("reactions", ()):
        if begin := reaction.get("onset_at"):
            onset = _greater(onset, days_after(begin, received))
    return {
        "age_range": patient.get("age_years"),
        "weight_range": patient.get("weight_kg"),
        "dose_range": dose,
        "first_received_after_received": days_after(first, received) if first else None,
        "started_after_received": started,
        "stopped_before_started": order,
        "stopped_after_taken": stopped,
        "onset_after_received": onset,
    }


def followup(body: Mapping[str, Any], _taken_day: int) -> Measure:
    """Measures of a follow-up record, named as the rules are.

    >>> body = {"kind": "mood", "instrument": "phq-9", "score": 30}
    >>> followup(body, 0)["score_range"]
    3.0
    """
    systolic, diastolic = body.get("systolic_mmhg"), body.get("diastolic_mmhg")
    return {
        "weight_range": body.get("weight_kg"),
        "dose_range": _greatest(body, ("dose_mg", "planned_dose_mg")),
        "blood_pressure_order": (
            None if systolic is None or diastolic is None else diastolic - systolic
        ),
        "score_range": _outside(body.get("instrument"), body.get("score")),
        "liver_range": _greatest(
            body, ("alt_xuln", "ast_xuln", "alp_xuln", "ggt_xuln", "bilirubin_xuln")
        ),
        "days_supply_range": body.get("days_supply"),
    }


def _greater(held: float | None, value: float | None) -> float | None:
    if value is None:
        return held
    return value if held is None or value > held else held


def _greatest(body: Mapping[str, Any], fields: Iterable[str]) -> float | None:
    found = None
    for field in fields:
        found = _greater(found, body.get(field))
    return found


def _outside(instrument: str | None, score: float | None) -> float | None:
    """How far a score lies outside what its instrument can give; None for one not listed."""
    known = limits().scores.get((instrument or "").upper().replace(" ", ""))
    if known is None or score is None:
        return None
    least, most = known
    return max(least - score, score - most, 0.0)
