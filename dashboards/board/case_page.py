"""The page of one case: its newest version, its history, and its narrative for who may read it.

The narrative is in the raw record alone; it is opened when somebody asks for it, by a route of its
own, and each time it is an entry of the audit trail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.board import reading
from dashboards.board.moment import read_moment
from dashboards.board.pages import respond
from dashboards.language import mark
from schemas.envelope import Change, decode_change
from schemas.errors import StoreError
from schemas.formats.narratives import narrative_of
from schemas.report import Biomarker, Patient, Product, Reaction, Report
from streams.store import tables
from streams.store.enclosed import ERASED, disclosed, raw
from streams.store.store import Store


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the case; `erased_by`: the entry of the trail by which its raw record went."""

    number: int | None
    informed: str
    status: str
    taken_at: float
    origin: str
    conflict: bool
    erased: bool
    erased_by: int | None


@dataclass(frozen=True, slots=True)
class Case:
    """A case as its newest version says: `body` as sent, empty where it was erased.

    `record` brought that version; `counted_by`: another case counts for this one.
    """

    id: int
    sender: str
    report_id: str
    record: int
    body: dict[str, Any]
    coded: Change
    versions: tuple[Version, ...]
    counted_by: int | None

    @property
    def newest(self) -> Version:
        """The version that counts."""
        return self.versions[0]


@dataclass(frozen=True, slots=True)
class Narrative:
    """What became of a narrative: its text, or none, or why it cannot be read.

    `state`: "told", "none", "erased" or "sealed" (this master key does not open it).
    """

    state: str
    text: str = ""


def one(connection: Connection, number: int) -> Case | None:
    """A case of reports by its number, or None."""
    table, versions, records = tables.cases, tables.versions, tables.records
    row = connection.execute(
        select(table, tables.linked_cases.c.counted_by)
        .outerjoin(tables.linked_cases, tables.linked_cases.c.case_id == table.c.id)
        .where(table.c.id == number, table.c.stream == "reports")
    ).first()
    if row is None:
        return None
    rows = connection.execute(
        select(versions, records.c.taken_at, records.c.origin, records.c.erased_by)
        .join(records, records.c.id == versions.c.id)
        .where(versions.c.case_id == number)
    ).all()
    # the order that says which version counts
    ordered = sorted(rows, key=lambda v: (v.version or 0, v.sort_key, v.content_hash), reverse=True)
    newest = next(v for v in ordered if v.id == row.newest)
    read = disclosed(connection, newest.body)
    return Case(
        row.id,
        row.sender,
        row.report_id,
        newest.id,
        {} if read == ERASED else whole(msgspec.json.decode(read)),
        decode_change(newest.coded),
        tuple(
            Version(
                v.version,
                v.information_date,
                v.status,
                v.taken_at,
                v.origin,
                v.version_conflict,
                v.body == ERASED,
                v.erased_by,
            )
            for v in ordered
        ),
        row.counted_by,
    )


def whole(body: dict[str, Any]) -> dict[str, Any]:
    """A body with every field that a report has; what was not given is None.

    >>> whole({"report_id": "A-1", "products": [{"name": "Spravato"}]})["products"][0]["route"]
    """
    found = dict.fromkeys(Report.model_fields) | body
    found["patient"] = dict.fromkeys(Patient.model_fields) | (body.get("patient") or {})
    for field, kind in (("products", Product), ("reactions", Reaction), ("biomarkers", Biomarker)):
        found[field] = [dict.fromkeys(kind.model_fields) | one for one in body.get(field) or ()]
    return found


def narrative(connection: Connection, case: Case) -> Narrative:
    """The narrative of the version that counts, opened from the record as it was received."""
    table = tables.records
    row = connection.execute(
        select(table.c.sealed, table.c.wrapped_key).where(table.c.id == case.record)
    ).one()
    try:
        received = raw(connection, row.sealed, row.wrapped_key)
    except StoreError as error:
        if error.code != "wrong_master_key":
            raise
        return Narrative("sealed")
    if received is None:
        return Narrative("erased")
    text = narrative_of(received, case.sender)
    return Narrative("told", text) if text else Narrative("none")


def routes(store: Store) -> list[Route]:
    """`/cases/{number}`, and `/cases/{number}/narrative` for those who may read it."""

    def page(request: Request, *, reads: bool) -> Response:
        with store.read() as connection:
            case = one(connection, request.path_params["number"])
            if case is None:
                raise HTTPException(404, mark("There is no such case."))
            told = narrative(connection, case) if reads else None
            moment = read_moment(connection)
        with store.write() as connection:
            rows = "narrative" if reads else "case"
            reading.record(connection, request, f"case {case.id}", rows, 1)
        return respond(request, "case.html", case=case, told=told, moment=moment)

    def show(request: Request) -> Response:
        return page(request, reads=False)

    def tell(request: Request) -> Response:
        return page(request, reads=True)

    return [
        Route("/cases/{number:int}", show),
        Route("/cases/{number:int}/narrative", tell),
    ]
