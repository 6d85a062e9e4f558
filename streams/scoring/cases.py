"""Files of reports as a casebook: checked, coded, versions resolved as in the live system."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from detectors.casebook import Casebook, CaseContent
from detectors.coding import content
from detectors.linking import linked, member
from schemas import formats, times
from schemas.coding import code
from schemas.envelope import Change
from schemas.errors import InputError, InvalidRecord, RecordError
from schemas.linking import ids_of
from schemas.quality import measures
from schemas.quality.limits import limits
from schemas.record import check, checked
from schemas.vocabulary import Vocabulary
from streams.agents.versions import Case, Version
from streams.scoring import tables

NEEDED = ("report_id", "products", "events")
DATED = "received_at"

ROLES = {"PS": "suspect", "SS": "suspect", "C": "concomitant", "I": "interacting"}
ALL_ROLES = ("suspect", "interacting", "unknown", "concomitant")

# a table without dates: all its reports stand on one day, which nothing prints
UNDATED = "1900-01-01"


def is_reports(columns: tuple[str, ...]) -> bool:
    """Whether a table with these columns is one of reports.

    One with the further columns of ketavigil's own CSV is left to the reader of that format.
    """
    own = set(NEEDED) <= set(columns)
    further = set(columns).difference(NEEDED, {DATED})
    return own and not (further and further <= formats.flat_csv.COLUMNS)


@dataclass(slots=True)
class Reading:
    """How the reports of one file are taken, and what came of it."""

    vocabulary: Vocabulary
    roles: frozenset[str]
    groups: bool = False
    held_back: int = 0
    cases: dict[tuple[str, str], Case] = field(default_factory=dict)

    @classmethod
    def of(cls, vocabulary: Path | None, roles: str, *, groups: bool = False) -> Reading:
        """With a user's vocabulary, and roles by commas; InputError `unknown_role`."""
        wanted = frozenset(role.strip() for role in roles.split(","))
        if unknown := sorted(wanted.difference(ALL_ROLES)):
            raise InputError(
                "unknown_role", f"no role {', '.join(unknown)}; there are: {', '.join(ALL_ROLES)}"
            )
        return cls(Vocabulary.load(vocabulary), wanted, groups)

    def add(
        self,
        case: tuple[str, str],
        body: dict[str, Any],
        version: int | None = None,
        content_hash: bytes | None = None,
        information_date: str | None = None,
    ) -> None:
        """Take one version of a report: its canonical JSON, decoded."""
        moment = information_date or body.get(DATED, UNDATED)
        coding = code(self.vocabulary, body, times.day(moment))
        coded = Change(
            "case",
            dataset=coding.dataset,
            products=coding.products,
            events=coding.events,
            ids=ids_of(*case, body),
        )
        held = self.cases.setdefault(case, Case(len(self.cases)))
        one = Version(
            id=0,
            number=version,
            sort_key=times.sort_key(moment),
            content_hash=content_hash or _hash(body),
            status=body.get("status", "active"),
            coded=coded,
        )
        if one.order_key not in held.versions:
            held.add(one)

    def casebook(self, among: frozenset[str] | None = None) -> Casebook:
        """The newest version of every case, counted; of those with any of some products only."""
        if among is None:
            return Casebook.of(self._contents())
        return Casebook.of(
            (case, revision, content)
            for case, revision, content in self._contents()
            if content is not None and not among.isdisjoint(name for name, _ in content.products)
        )

    def _contents(self) -> Iterator[tuple[int, int, CaseContent | None]]:
        changes = {one.id: one.change(origin="import", taken_at=0.0) for one in self.cases.values()}
        known = ((number, member(change)) for number, change in changes.items())
        elsewhere = linked({number: one for number, one in known if one is not None})
        for case in self.cases.values():
            counted = None if case.id in elsewhere else content(changes[case.id], roles=self.roles)
            if counted is not None and not self.groups:
                own = tuple(e for e in counted.events if not e[0].startswith("group:"))
                counted = CaseContent(counted.dataset, counted.products, own)
            yield case.id, case.revision, counted


def read_table(path: Path, reading: Reading, *, dated: bool = False) -> None:
    """Take a table `report_id,products,events`, and `received_at` if it is there.

    Values are separated by a bar; a product may carry `::PS`, `::SS`, `::C` or `::I`. The same
    report_id again is another version of the report; the later `received_at` counts. A row
    without a product or without an event is held back.

    InputError `no_dates` where `dated` asks for `received_at` and it is missing, `bad_date`,
    `bad_table`.
    """
    has_dates = DATED in tables.columns_of(path)
    if dated and not has_dates:
        raise InputError("no_dates", f"{path} has no column {DATED}, so that nothing can be dated")
    columns = tables.read(path, (*NEEDED, DATED) if has_dates else NEEDED)
    moments = columns[DATED] if has_dates else [UNDATED] * len(columns[NEEDED[0]])
    rows = zip(*(columns[name] for name in NEEDED), moments, strict=True)
    for row, (report_id, products, events, moment) in enumerate(rows, 1):
        body = {
            DATED: moment,
            "products": [_product(value) for value in _values(products)],
            "reactions": [{"term": value} for value in _values(events)],
        }
        if not (body["products"] and body["reactions"]):
            reading.held_back += 1
            continue
        try:
            reading.add(("file", report_id), body)
        except ValueError as error:
            raise InputError(
                "bad_date", f"{path}, row {row}: {DATED} is no date ({error})"
            ) from error


def read_format(path: Path, form: str, reading: Reading) -> None:
    """Take the reports of a file in any format that `import` reads.

    What import would quarantine is held back: records with faults, and those that fail a row rule
    of the quality suite. InputError as `schemas.formats.read` has it.
    """
    now = datetime.now(UTC)
    source = formats.read(path, form)
    for found in tqdm(source, desc=path.name, unit=" records", delay=2, disable=None):
        if found.stream != "reports":
            continue
        try:
            if found.faults:
                raise InvalidRecord(found.faults)
            if found.report is None:
                record = check("reports", found.raw, sender=found.sender, taken_at=now)
            else:
                record = checked("reports", found.report, sender=found.sender, taken_at=now)
        except RecordError:
            reading.held_back += 1
            continue
        body = msgspec.json.decode(record.body)
        if record.status == "active" and _out_of_range(body, now.toordinal()):
            reading.held_back += 1
            continue
        case = (record.sender, record.record_id)
        reading.add(case, body, record.version, record.content_hash, record.information_date)


def _out_of_range(body: dict[str, Any], today: int) -> bool:
    """Whether a row rule of the quality suite objects."""
    rules = limits().of("reports").rows
    for name, value in measures.report(body, today).items():
        rule = rules[name]
        if value is not None and (
            (rule.min is not None and value < rule.min)
            or (rule.max is not None and value > rule.max)
        ):
            return True
    return False


def _hash(body: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()


def _values(cell: str) -> Iterable[str]:
    return [value for part in cell.split("|") if (value := part.strip())]


def _product(value: str) -> dict[str, str]:
    """A product with its role; what follows `::` and is no role belongs to the name.

    >>> _product("KETAMINE::C"), _product("KETAMINE")
    ({'name': 'KETAMINE', 'role': 'concomitant'}, {'name': 'KETAMINE', 'role': 'unknown'})
    """
    name, mark, role = value.rpartition("::")
    if mark and name and role.upper() in ROLES:
        return {"name": name.strip(), "role": ROLES[role.upper()]}
    return {"name": value, "role": "unknown"}
