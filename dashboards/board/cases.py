"""The line listing of a pair: its cases as their newest versions say, without narratives."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, bindparam, func, select

from dashboards.language import _
from detectors.coding import COUNTED, base, content
from schemas.envelope import Change, CodedProduct, decode_change
from streams.store import tables
from streams.store.enclosed import ERASED, disclosed

PAGE = 50
GONE = "erased"  # stands in the listing for what a patient had erased


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the listing; texts as sent but for what is called coded.

    `number` orders the listing: of the record that brought the newest version; `case` is the
    case's own.
    """

    number: int
    case: int
    sender: str
    report_id: str
    version: str
    received: str
    country: str
    patient: str
    age_years: str
    sex: str
    product: str
    coded_product: str
    role: str
    route: str
    setting: str
    other_products: str
    terms: str
    coded_terms: str
    serious: str
    seriousness: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of cases, newest first, and the number that the next page begins before."""

    cases: tuple[Case, ...]
    next: int | None


def page(
    connection: Connection, pair: tuple[str, str, str], before: int | None = None, size: int = PAGE
) -> Listing:
    """The cases of a pair (dataset, product, event) that come before a number."""
    found: list[Case] = []
    for case in cases(connection, pair, before):
        if len(found) == size:
            return Listing(tuple(found), found[-1].number)
        found.append(case)
    return Listing(tuple(found), None)


def cases(
    connection: Connection, pair: tuple[str, str, str], before: int | None = None
) -> Iterator[Case]:
    """Every case that counts for a pair, by the same coding that counts it."""
    dataset, product, event = pair
    whole = base(product)
    table, versions = tables.cases, tables.versions
    query = (
        select(
            versions.c.id,
            versions.c.case_id,
            table.c.sender,
            table.c.report_id,
            versions.c.version,
            versions.c.body,
            versions.c.coded,
        )
        .join(table, (table.c.id == versions.c.case_id) & (table.c.newest == versions.c.id))
        .outerjoin(tables.linked_cases, tables.linked_cases.c.case_id == table.c.id)
        .where(table.c.stream == "reports", versions.c.status == "active")
        .where(tables.linked_cases.c.case_id.is_(None))  # another one counts for them
        .order_by(versions.c.id.desc())
    )
    # no index leads from a pair to its cases; names stand in the coded bytes as they are, so
    # the database can leave out nearly all the others
    holds = func.instr if connection.dialect.name == "sqlite" else func.pg_catalog.position
    for name in (whole, event.removeprefix("group:")):
        query = query.where(holds(versions.c.coded, _bytes(name)) > 0)
    if before is not None:
        query = query.where(versions.c.id < before)
    for row in connection.execute(query.execution_options(yield_per=500)):
        change = decode_change(row.coded)
        counted = content(change, strata_of=whole.__eq__)
        if (
            counted is not None
            and change.dataset == dataset
            and any(name == product for name, _ in counted.products)
            and any(name == event for name, _ in counted.events)
        ):
            yield _case(row, disclosed(connection, row.body), change, whole)


def as_csv(listed: Iterable[Case]) -> str:
    """The listing as CSV; a value that a spreadsheet would take for a formula is quoted by '."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = [field.name for field in fields(Case)][2:]
    writer.writerow(names)
    for case in listed:
        writer.writerow([_plain(getattr(case, name)) for name in names])
    return out.getvalue()


def _plain(value: str) -> str:
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _bytes(name: str) -> Any:
    return bindparam(None, name.encode(), type_=LargeBinary)


def _case(row: Any, read: bytes, change: Change, whole: str) -> Case:
    body: dict[str, Any] = {"received_at": GONE}
    if read != ERASED:
        body = msgspec.json.decode(read)
    patient = body.get("patient") or {}
    coded = next(p for p in change.products if p.name == whole and p.role in COUNTED)
    reactions = body.get("reactions", ())
    age = patient.get("age_years")
    return Case(
        number=row.id,
        case=row.case_id,
        sender=row.sender,
        report_id=row.report_id,
        version="" if row.version is None else str(row.version),
        received=body.get("received_at", ""),
        country=body.get("country") or "",
        patient=patient.get("pseudonym") or (GONE if read == ERASED else ""),
        age_years="" if age is None else f"{age:g}",
        sex=patient.get("sex") or "",
        product=_as_sent(body, change, coded),
        coded_product=coded.name,
        role=coded.role,
        route=coded.route,
        setting=coded.setting,
        other_products="; ".join(
            f"{p.name} ({_(p.role)})" for p in change.products if p is not coded
        ),
        terms="; ".join(reaction["term"] for reaction in reactions),
        coded_terms="; ".join(event.name for event in change.events),
        serious="yes" if change.serious else "no",
        seriousness="; ".join(_unique(s for r in reactions for s in r.get("seriousness", ()))),
        outcome="; ".join(_unique(r["outcome"] for r in reactions if r.get("outcome"))),
    )


def _as_sent(body: dict[str, Any], change: Change, coded: CodedProduct) -> str:
    """The name as sent, where it can be told: which of several names became which is not kept."""
    names = _unique(product["name"] for product in body.get("products", ()))
    if len(names) == len(change.products):
        return names[change.products.index(coded)]
    return ""


def _unique(values: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(values))
