"""Markers of misuse in what is handed out: too early, too much, by too many, or lost at home."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from detectors.followup.beginning import Mark
from detectors.followup.misuse_evidence import Evidence
from detectors.followup.misuse_markers import (
    HOME,
    Parameters,
    Seen,
    State,
    band_of,
    diversion,
    marked,
    planned_route,
)
from detectors.followup.record import Observed
from detectors.followup.supply import Fill, Stock, latest, seen, still_matter
from schemas.followup import Dispensing


def dispensed(state: State, observed: Observed, record: Dispensing, parameters: Parameters) -> Seen:
    """After a dispensing of a product of the course."""
    out: list[Evidence] = []
    mark = Mark(0.0, observed.day, observed.id)
    window, most = parameters.gone_days, max(parameters.providers)
    prescribers = seen(state.prescribers, record.prescriber, mark, window, most)
    dispensers = seen(state.dispensers, record.dispenser, mark, window, most)
    state = replace(state, prescribers=prescribers, dispensers=dispensers)
    both = min(len(prescribers), len(dispensers))
    if (band := band_of(both, parameters.providers)) > 0:
        out.append(
            marked(
                observed,
                "providers",
                parameters.provider_points[band - 1],
                f"{_many(prescribers, most)} prescribers and {_many(dispensers, most)} dispensers "
                f"in {window} days",
                *(one.record for one in (*prescribers.values(), *dispensers.values())),
            )
        )
    if record.setting == "clinic":
        return state, out
    out += _kept_from_the_clinic(state, observed, record, parameters)
    state, early = _refilled(state, observed, record, parameters)
    state, lost = _lost(state, observed, record, parameters)
    state, unaccounted = _counted(state, observed, record, parameters)
    return state, [*out, *early, *lost, *unaccounted]


def _kept_from_the_clinic(
    state: State, observed: Observed, record: Dispensing, parameters: Parameters
) -> list[Evidence]:
    """Products that should not be at home: compounded ones, and those for the clinic alone."""
    if (record.setting or state.plan.setting) not in HOME:
        return []
    if record.compounded:
        points = parameters.compounded_points
        return [marked(observed, "compounded", points, "compounded product at home")]
    route = planned_route(state, observed)
    if observed.product == parameters.clinic_only and route in ("", parameters.clinic_only_route):
        return [diversion(observed, parameters, "dispensed")]
    return []


def _refilled(state: State, observed: Observed, record: Dispensing, parameters: Parameters) -> Seen:
    """Supply that is handed out before the earlier one is used."""
    out: list[Evidence] = []
    day = observed.day
    share = parameters.early_share
    running = latest(state.fills, observed.product, day, share)
    early = state.early
    if running and (early is None or early.day < day):
        text = f"{day - running.day} of {running.supply:g}"
        now = marked(observed, "early_refill", 0, text, running.record)
        if early and day - early.day <= parameters.gone_days:
            out.append(
                marked(
                    observed,
                    "early_refill",
                    parameters.early_points,
                    f"refills after {early.text} and {text} days of supply",
                    *early.records,
                    running.record,
                )
            )
        early = now
    ends = latest(state.fills, observed.product, day, 1)
    if ends and (left := ends.until(1) - day) >= parameters.overlap_days:
        out.append(
            marked(
                observed,
                "overlap",
                parameters.overlap_points,
                f"{left:g} days of overlapping supply",
                ends.record,
            )
        )
    fills = state.fills
    if record.days_supply:
        fills = (*fills, Fill(observed.product, day, record.days_supply, observed.id))
    return replace(state, early=early, fills=still_matter(fills, day, share)), out


def _lost(state: State, observed: Observed, record: Dispensing, parameters: Parameters) -> Seen:
    """Doses that were lost at home."""
    if not record.lost_doses:
        return state, []
    before = state.lost
    if before and observed.day - before.day > parameters.gone_days:
        before = None
    many = before is not None or record.lost_doses >= parameters.lost_doses
    lost = marked(
        observed,
        "lost_doses",
        parameters.lost_points[int(many)],
        f"lost doses: {record.lost_doses}" + (f", {before.value:g} before" if before else ""),
        before.record if before else "",
    )
    mark = Mark(float(record.lost_doses), observed.day, observed.id)
    return replace(state, lost=mark), [lost]


def _counted(state: State, observed: Observed, record: Dispensing, parameters: Parameters) -> Seen:
    """Doses that are neither used by the plan, nor returned, nor lost, where a count was made."""
    plan = state.plan
    if not plan.dose_mg or plan.interval_days is None or plan.product != observed.product:
        return state, []
    out: list[Evidence] = []
    stock = state.stock.on(observed.day, plan.interval_days)
    lost = record.lost_doses or 0
    if record.returned_doses is None:
        stock = stock.less(lost)
    else:
        missing = stock.doses - lost - record.returned_doses
        if missing >= parameters.unaccounted_doses:
            out.append(
                marked(
                    observed,
                    "unaccounted_doses",
                    parameters.unaccounted_points,
                    f"{missing:.3g} doses unaccounted for, {stock.doses:.3g} in hand by the plan",
                    plan.record,
                    *stock.records,
                )
            )
        stock = Stock(0.0, observed.day)
    if record.quantity_mg:
        stock = stock.more(record.quantity_mg / plan.dose_mg, observed.id)
    return replace(state, stock=stock), out


def _many(marks: Mapping[str, Mark], most: int) -> str:
    return f"{len(marks)} or more" if len(marks) == most else f"{len(marks)}"
