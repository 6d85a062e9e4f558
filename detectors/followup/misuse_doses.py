"""Markers of misuse in doses: more of it or more often than planned, or where it must not be."""

from __future__ import annotations

from msgspec.structs import replace

from detectors.followup.beginning import Mark
from detectors.followup.misuse_evidence import Evidence
from detectors.followup.misuse_markers import (
    HOME,
    Parameters,
    Seen,
    State,
    diversion,
    marked,
    planned_route,
)
from detectors.followup.record import Observed
from detectors.followup.supply import with_dose
from schemas.followup import Dose


def dosed(state: State, observed: Observed, record: Dose, parameters: Parameters) -> Seen:
    """After a dose above 0 mg of a product of the course."""
    at_home = (record.setting or state.plan.setting) in HOME
    out: list[Evidence] = []
    if (
        at_home
        and observed.product == parameters.clinic_only
        and (observed.route or planned_route(state, observed)) in ("", parameters.clinic_only_route)
    ):
        out.append(diversion(observed, parameters, "taken"))
    key = f"{observed.product}|{observed.route}"
    lowest = with_dose(
        state.lowest.get(key, ()),
        Mark(record.dose_mg, observed.day, observed.id),
        parameters.dose_days,
    )
    out += _dose_escalation(state, observed, lowest, at_home, parameters)
    recent = {
        name: marks
        for name, marks in state.lowest.items()
        if observed.day - marks[-1].day <= parameters.dose_days
    }
    state = replace(state, lowest=recent | {key: lowest})
    plan = state.plan
    induction = record.phase == "induction" or (
        record.phase is None and observed.day < state.treatment.start + parameters.induction_days
    )
    if plan.interval_days is None or induction or observed.product != plan.product:
        return state, out
    intervals = parameters.frequency_intervals
    days = tuple(mark for mark in state.days if mark.day < observed.day)[-intervals:]
    days = (*days, Mark(0.0, observed.day, observed.id))
    span = observed.day - days[0].day
    if len(days) > intervals and span * parameters.frequency_ratio < intervals * plan.interval_days:
        out.append(
            marked(
                observed,
                "frequency_escalation",
                parameters.frequency_points if at_home else parameters.supervised_points,
                f"{len(days)} dosing days within {span}, planned every {plan.interval_days:g} days",
                plan.record,
                *(mark.record for mark in days),
            )
        )
    return replace(state, days=days), out


def _dose_escalation(
    state: State,
    observed: Observed,
    lowest: tuple[Mark, ...],
    at_home: bool,
    parameters: Parameters,
) -> list[Evidence]:
    plan, dose = state.plan, lowest[-1]
    limit: Mark | None = None
    if (
        plan.dose_mg is not None
        and plan.product == observed.product
        and (not plan.route or not observed.route or plan.route == observed.route)
    ):
        limit = Mark(plan.dose_mg, observed.day, plan.record, "planned")
    elif (observed.product, observed.route) == (
        parameters.clinic_only,
        parameters.clinic_only_route,
    ):
        limit = Mark(parameters.clinic_only_label_mg, observed.day, "", "by the label")
    if limit is not None and dose.value <= limit.value:
        return []
    low = min([*lowest[:1], *([limit] if limit else [])], key=lambda mark: mark.value)
    if dose.value <= parameters.dose_ratio * low.value:
        return []
    text = f"dose {dose.value:g} mg"
    if not low.name:
        text += f", {low.value:g} mg {dose.day - low.day} days before"
    if limit:
        text += f", {limit.value:g} mg {limit.name}"
    return [
        marked(
            observed,
            "dose_escalation",
            parameters.dose_points if at_home else parameters.supervised_points,
            text,
            limit.record if limit else "",
            low.record,
        )
    ]
