"""From the records of a course to the lines that are drawn of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dashboards.board.milestones import Milestone, days, milestones
from dashboards.board.timeline import Chart, Line, chart
from detectors.followup.record import Observed
from schemas.followup import (
    Cognitive,
    Dissociation,
    Dose,
    Liver,
    MisuseScreen,
    Mood,
    Sedation,
    Suicidality,
    Urinary,
    VitalSigns,
)

# the order of the pictures on the page; those of instruments come by name between them
_FIRST = (
    "Dose, mg",
    "Blood pressure, mmHg",
    "Heart rate, a minute",
    "Oxygen saturation, %",
    "QTc, ms",
    "Dissociation, CADSS points",
    "Sedation, MOAA/S (5 is alert)",
)


def charts(records: Sequence[Observed], marks: Sequence[float] = ()) -> list[Chart]:
    """A picture of each quantity that was measured, all over the same days."""
    held: dict[str, dict[str, list[tuple[float, float]]]] = {}
    ordered = sorted(records, key=lambda one: one.order)
    for one in ordered:
        for title, label, value in quantities(one):
            held.setdefault(title, {}).setdefault(label, []).append((one.instant, value))
    if not held:
        return []
    span = (min(one.instant for one in ordered), max(one.instant for one in ordered))
    dated = days(marked(ordered))
    doses = [one.instant for one in ordered if isinstance(one.record, Dose)]
    order = [*(t for t in _FIRST if t in held), *sorted(held.keys() - set(_FIRST))]
    found = (
        chart(
            title,
            [Line(label, tuple(sorted(points))) for label, points in held[title].items()],
            span,
            doses,
            marks,
            dated=dated,
        )
        for title in order
    )
    return [one for one in found if one is not None]


def marked(records: Sequence[Observed]) -> tuple[Milestone, ...]:
    """Dates of labels, alerts and publicity of the products of a course, while it was seen."""
    if not records:
        return ()
    instants = [one.instant for one in records]
    found = {
        one
        for product in {record.product for record in records}
        for one in milestones(product, min(instants), max(instants))
    }
    return tuple(sorted(found, key=lambda one: one.date))


def quantities(observed: Observed) -> Iterator[tuple[str, str, float]]:
    """(picture, line, value) of each number that a record holds."""
    record = observed.record
    if isinstance(record, Dose):
        yield "Dose, mg", observed.product, record.dose_mg
    elif isinstance(record, VitalSigns):
        yield from _given(
            ("Blood pressure, mmHg", "systolic", record.systolic_mmhg),
            ("Blood pressure, mmHg", "diastolic", record.diastolic_mmhg),
            ("Heart rate, a minute", "heart rate", record.heart_rate_bpm),
            ("Oxygen saturation, %", "SpO2", record.spo2_percent),
            ("QTc, ms", "QTc", record.qtc_ms),
        )
    elif isinstance(record, Dissociation):
        yield "Dissociation, CADSS points", "CADSS", record.score
    elif isinstance(record, Sedation):
        yield "Sedation, MOAA/S (5 is alert)", "MOAA/S", record.score
    elif isinstance(record, Cognitive):
        what = ", ".join(filter(None, (record.instrument, record.measure)))
        yield f"Cognition: {what}", what, record.score
    elif isinstance(record, Mood):
        yield f"Mood: {record.instrument}", record.instrument, record.score
    elif isinstance(record, Suicidality):
        yield from _given(
            ("Suicidality", f"{record.instrument}, ideation", record.ideation),
            ("Suicidality", f"{record.instrument}, item", record.item_score),
        )
    elif isinstance(record, Urinary):
        name = record.instrument or "scale not named"
        yield from _given((f"Urinary: {name}", name, record.score))
    elif isinstance(record, Liver):
        for label, value in (
            ("ALT", record.alt_xuln),
            ("AST", record.ast_xuln),
            ("ALP", record.alp_xuln),
            ("GGT", record.ggt_xuln),
            ("bilirubin", record.bilirubin_xuln),
        ):
            yield from _given(("Liver, times the upper limit of normal", label, value))
    elif isinstance(record, MisuseScreen):
        yield f"Misuse: {record.instrument}", record.instrument, record.score


def _given(
    *values: tuple[str, str, float | None],
) -> Iterable[tuple[str, str, float]]:
    return ((title, label, value) for title, label, value in values if value is not None)
