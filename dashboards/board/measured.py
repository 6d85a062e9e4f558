"""From the records of a course to the lines that are drawn of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dashboards.board.milestones import Milestone, days, milestones
from dashboards.board.timeline import Chart, Line, chart
from dashboards.language import _, mark
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
    mark("Dose, mg"),
    mark("Blood pressure, mmHg"),
    mark("Heart rate, a minute"),
    mark("Oxygen saturation, %"),
    mark("QTc, ms"),
    mark("Dissociation, CADSS points"),
    mark("Sedation, MOAA/S (5 is alert)"),
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
    first = [_(title) for title in _FIRST]
    order = [*(t for t in first if t in held), *sorted(held.keys() - set(first))]
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
        yield _("Dose, mg"), observed.product, record.dose_mg
    elif isinstance(record, VitalSigns):
        yield from _given(
            (_("Blood pressure, mmHg"), _("systolic"), record.systolic_mmhg),
            (_("Blood pressure, mmHg"), _("diastolic"), record.diastolic_mmhg),
            (_("Heart rate, a minute"), _("heart rate"), record.heart_rate_bpm),
            (_("Oxygen saturation, %"), "SpO2", record.spo2_percent),
            (_("QTc, ms"), "QTc", record.qtc_ms),
        )
    elif isinstance(record, Dissociation):
        yield _("Dissociation, CADSS points"), "CADSS", record.score
    elif isinstance(record, Sedation):
        yield _("Sedation, MOAA/S (5 is alert)"), "MOAA/S", record.score
    elif isinstance(record, Cognitive):
        what = ", ".join(filter(None, (record.instrument, record.measure)))
        yield _("Cognition: {what}", what=what), what, record.score
    elif isinstance(record, Mood):
        yield _("Mood: {instrument}", instrument=record.instrument), record.instrument, record.score
    elif isinstance(record, Suicidality):
        yield from _given(
            (
                _("Suicidality"),
                _("{instrument}, ideation", instrument=record.instrument),
                record.ideation,
            ),
            (
                _("Suicidality"),
                _("{instrument}, item", instrument=record.instrument),
                record.item_score,
            ),
        )
    elif isinstance(record, Urinary):
        name = record.instrument or _("scale not named")
        yield from _given((_("Urinary: {name}", name=name), name, record.score))
    elif isinstance(record, Liver):
        for label, value in (
            ("ALT", record.alt_xuln),
            ("AST", record.ast_xuln),
            ("ALP", record.alp_xuln),
            ("GGT", record.ggt_xuln),
            (_("bilirubin"), record.bilirubin_xuln),
        ):
            yield from _given((_("Liver, times the upper limit of normal"), label, value))
    elif isinstance(record, MisuseScreen):
        yield (
            _("Misuse: {instrument}", instrument=record.instrument),
            record.instrument,
            record.score,
        )


def _given(
    *values: tuple[str, str, float | None],
) -> Iterable[tuple[str, str, float]]:
    return ((title, label, value) for title, label, value in values if value is not None)
