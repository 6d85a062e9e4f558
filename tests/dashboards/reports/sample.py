"""Makes the sample report of the docs from simulated clinics and courses, day by day.

python -m tests.dashboards.reports.sample docs/sample
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboards.reports.formats import rendered
from schemas.envelope import Entry
from schemas.errors import RecordError
from schemas.record import Stream, check
from streams.simulate.clinic import Clinic
from streams.simulate.cohort.cohort import simulate
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.writing import followups
from tests.dashboards.reports.support import SEALER, Told

CLINICS = ("clinic-north", "clinic-south", "clinic-east", "clinic-west")
BEGIN = datetime(2026, 12, 1, 12, tzinfo=UTC)  # after the family was fixed
DAYS, A_DAY = 40, 30  # days of reports, reports of a clinic a day
COURSES = 80
FORMATS = ("html", "pdf")
_LIST = 400
PAIR = ("spontaneous", "esketamine", "group:dissociation_psychosis")


def main(folder: Path) -> None:
    """Write the sample."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, pytest.MonkeyPatch.context() as monkeypatch:
        store = Told(Path(data) / "data", monkeypatch, family=None)
        try:
            store.at = BEGIN
            fill(store)
            made = store.made(number=store.signal("confirmed", PAIR))
            for name in FORMATS:
                (folder / f"signal-report.{name}").write_bytes(rendered(made, name))
        finally:
            store.close()


def fill(store: Told) -> None:
    """Simulated clinics report for some weeks; courses of a year are told on the first day."""
    clinics = [Clinic(name, 7) for name in CLINICS]
    plan = Plan(courses=COURSES, days=360)
    sent = [one.raw for one in followups(simulate(plan), (BEGIN - timedelta(days=360)).date())]
    for start in range(0, len(sent), _LIST):
        tell(store, sent[start : start + _LIST], "followups")
    for _ in range(DAYS):
        for clinic in clinics:
            tell(store, [raw for _ in range(A_DAY) for raw in clinic.next(store.at)], "reports")
        store.at += timedelta(days=1)
    store.checkpoint()


def tell(store: Told, records: Iterable[bytes], stream: Stream) -> None:
    """Records as a gateway takes them: what is not in order keeps its faults."""
    store.dispose(tuple(_entry(i, raw, stream, store) for i, raw in enumerate(records)), stream)
    store.count()


def _entry(index: int, raw: bytes, stream: Stream, store: Told) -> Entry:
    try:
        body = json.loads(raw)
        sender = str(body.get("sender") or body["registry"])
    except (ValueError, KeyError, AttributeError):
        sender = CLINICS[0]
    taken = store.at.timestamp()
    sealed = SEALER.seal(raw)
    try:
        found = check(stream, raw, sender=sender, taken_at=store.at)
    except RecordError as error:
        faults = tuple((f.code, f.path, f.message) for f in error.faults)
        return Entry(index, sender, "push", taken, *sealed, None, faults=faults)
    return Entry(
        index,
        sender,
        "push",
        taken,
        *sealed,
        found.record_id,
        found.version,
        found.status,
        found.information_date,
        found.content_hash,
        found.body,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
