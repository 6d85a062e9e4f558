"""Whether the store says the same thing on every way: each side is counted on its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, exists, func, select, union_all

from detectors.casebook import Casebook
from detectors.coding import content
from detectors.evidence import Evidence
from detectors.linking import linked, member
from detectors.looks import Looks
from schemas.envelope import Change
from schemas.vocabulary import Watchlist
from streams.agents.check import Check
from streams.agents.configuration import Configuration
from streams.agents.course_verification import check_cohort_looks, check_courses, check_rates
from streams.agents.erasure_verification import check_erased
from streams.agents.fits import fit, live_scores
from streams.agents.recount import recount
from streams.agents.reports import DATASETS
from streams.agents.sealed_verification import check_opens
from streams.agents.trail_verification import check_acts, check_heads, check_signatures, check_trail
from streams.agents.versions import Case, Version
from streams.log.base import Log
from streams.sealing import Sealer
from streams.settings import Settings
from streams.store import tables
from streams.store.changes import newest_changes
from streams.store.conservation import conservation, in_flight
from streams.store.families import Opened, families, told_apart
from streams.store.fits import Fits, fits_at
from streams.store.heads import Head
from streams.store.reading import legible
from streams.store.scores import nullable

_change = msgspec.msgpack.Decoder(Change)


def check_dispositions(connection: Connection) -> Check:
    """Every record received has exactly one disposition, and no disposition lacks a record."""
    became = union_all(
        *(select(t.c.id) for t in (tables.versions, tables.duplicates, tables.quarantine))
    ).subquery()
    records = tables.records
    without = connection.scalar(
        select(func.count())
        .select_from(records)
        .where(~exists().where(became.c.id == records.c.id))
    )
    twice = connection.scalar(
        select(func.count()).select_from(
            select(became.c.id).group_by(became.c.id).having(func.count() > 1).subquery()
        )
    )
    orphans = connection.scalar(
        select(func.count()).select_from(became).where(~exists().where(records.c.id == became.c.id))
    )
    figures = {"without": without, "twice": twice, "no_record": orphans}
    return Check("every record has one disposition", sum(v or 0 for v in figures.values()), figures)


def check_sealed(connection: Connection) -> Check:
    """The sealed bytes of every record are those that were received."""
    table = tables.records
    damaged, held, erased = [], 0, 0
    rows = connection.execute(
        select(
            table.c.id, table.c.sealed, table.c.sealed_hash, table.c.wrapped_key.is_(None)
        ).execution_options(yield_per=2_000)
    )
    for number, sealed, expected, gone in rows:
        held += 1
        erased += bool(gone)
        if hashlib.sha256(sealed).digest() != expected:
            damaged.append(number)
    figures = {"records": held, "erased": erased, "damaged": damaged[:10]}
    return Check("sealed records are as received", len(damaged), figures)


def check_newest(connection: Connection) -> Check:
    """The version that counts is the greatest of its case, and revisions count its versions."""
    wrong = [
        case.id
        for case, newest, revision in _stored_cases(connection)
        if case.newest().id != newest or revision != len(case.versions)
    ]
    return Check("the newest version of each case counts", len(wrong), {"cases": wrong[:10]})


def check_rebuild(connection: Connection, watchlist: Watchlist) -> Check:
    """Counts folded from the changes, and scores of the last checkpoint, equal those in batch.

    The batch side reads cases and versions alone, never the changes, and fits its own priors.
    """
    folded = Casebook.of(
        (change.case_id, change.revision, content(change, strata_of=watchlist.watches))
        for change in newest_changes(connection)
    )
    cases = [
        case.change(origin="", taken_at=0.0)
        for case, _, _ in _stored_cases(connection, stream="reports")
    ]
    known = ((change.case_id, member(change)) for change in cases)
    elsewhere = linked({case_id: one for case_id, one in known if one is not None})
    batch = Casebook.of(
        (
            change.case_id,
            change.revision,
            content(change, strata_of=watchlist.watches)
            if change.case_id not in elsewhere
            else None,
        )
        for change in cases
    )
    datasets = sorted({*folded.datasets, *batch.datasets})
    whole = {dataset: batch.table(dataset) for dataset in datasets}
    stored = fits_at(connection)
    fits = Fits(stored.position, {dataset: fit(table) for dataset, table in whole.items()})
    counts, scores = 0, 0
    for dataset, table in whole.items():
        counts += _differences(_rows(folded.table(dataset), {}), _rows(table, {}))
        columns = live_scores(dataset, table, fits)
        expected = _rows(table, {name: columns[name] for name in tables.STATISTICS})
        at = fits.position_of(dataset)
        scores += _differences(
            _stored_scores(connection, dataset),
            {pair: (*row, at) for pair, row in expected.items()},
        )
    other_fits = sum(stored.by_dataset.get(name) != fits.by_dataset[name] for name in datasets)
    figures = {
        "cases": sum(batch.n_total(d) for d in datasets),
        "linked": len(elsewhere),
        "pairs": sum(map(len, whole.values())),
        "counts_differing": counts,
        "scores_differing": scores,
        "priors": sum(fits.position_of(dataset) is not None for dataset in datasets),
        "priors_differing": other_fits,
    }
    return Check("live equals rebuild equals batch", counts + scores + other_fits, figures)


def check_looks(connection: Connection) -> Check:
    """Looks, their counts and the evidence after them are those that the changes amount to.

    The other side lets every change enter empty looks again, closes them at the checkpoints, and
    takes every family through its looks from the first.
    """
    opened = families(connection, DATASETS)
    looks = Looks(told_apart(opened, DATASETS))
    closed = recount(connection, looks)
    days: dict[tuple[str, str], int | None] = {
        (dataset, _iso(day)): None for dataset, day in looks.open
    }
    days |= {(look.dataset, _iso(look.day)): look.position for look in closed}
    counts = {
        (dataset, _iso(day), *key): n
        for (dataset, day), look in looks.open.items()
        for key, n in look.counts.items()
    }
    counts |= {
        (look.dataset, _iso(look.day), *key): n for look in closed for key, n in look.counts.items()
    }
    evidence = {}
    for one in opened:
        process = Evidence(one.family, one.margin)
        for look in closed:
            if look.dataset == one.dataset and one.takes(look.position):
                for row in process.look(look.counts)[0]:
                    evidence[one.id, row.product, row.event, _iso(look.day)] = tuple(row[2:])
    figures = {"looks": len(days), "closed": len(closed), "families": len(opened)}
    differing = {
        "looks_differing": _differences(days, _stored_looks(connection)),
        "counts_differing": _differences(counts, _stored_counts(connection)),
        "evidence": len(evidence),
        "evidence_differing": _differences(evidence, _stored_evidence(connection, opened)),
    }
    wrong = sum(n for name, n in differing.items() if name.endswith("differing"))
    return Check("looks and evidence are those of the changes", wrong, figures | differing)


def _stored_looks(connection: Connection) -> dict[tuple[str, str], int | None]:
    table = tables.looks
    rows = connection.execute(select(table).where(table.c.dataset.in_(DATASETS)))
    return {(row.dataset, row.day): row.closed_position for row in rows}


def _stored_counts(connection: Connection) -> dict[tuple[str, str, str, str], int]:
    table = tables.look_counts
    rows = connection.execute(select(table).where(table.c.dataset.in_(DATASETS)))
    return {tuple(row[:4]): row[4] for row in rows}


def _stored_evidence(
    connection: Connection, opened: Iterable[Opened]
) -> dict[tuple[int, str, str, str], tuple[Any, ...]]:
    table = tables.evidence
    rows = connection.execute(select(table).where(table.c.family.in_([one.id for one in opened])))
    return {tuple(row[:4]): tuple(row[4:]) for row in rows}


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _stored_cases(
    connection: Connection, stream: str | None = None
) -> Iterator[tuple[Case, int, int]]:
    """Each case with its versions, the id of the one that counts, and its revision."""
    cases, versions = tables.cases, tables.versions
    query = (
        select(cases.c.newest, cases.c.revision, *versions.c)
        .join(versions, versions.c.case_id == cases.c.id)
        .order_by(versions.c.case_id)
    )
    if stream is not None:
        query = query.where(cases.c.stream == stream)
    rows = connection.execute(query.execution_options(yield_per=5_000))
    for case_id, group in groupby(rows, key=lambda row: row.case_id):
        case = Case(case_id)
        newest = revision = 0
        for row in group:
            newest, revision = row.newest, row.revision
            case.add(
                Version(
                    row.id,
                    row.version,
                    row.sort_key,
                    row.content_hash,
                    row.status,
                    _change.decode(row.coded),
                )
            )
        yield case, newest, revision


def _rows(table: Any, columns: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, ...]]:
    values = [nullable(column) for column in (*table.counts.values(), *columns.values())]
    pairs = zip(table.product, table.event, strict=True)
    return dict(zip(pairs, zip(*values, strict=True), strict=True))


def _stored_scores(connection: Connection, dataset: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    table = tables.scores
    names = ("n", "n_product", "n_event", "n_total", *tables.STATISTICS, "fit")
    rows: Iterable[Any] = connection.execute(
        select(table.c.product, table.c.event, *(table.c[name] for name in names)).where(
            table.c.dataset == dataset
        )
    )
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def _differences(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> int:
    """Keys that only one of them has, or that have not the same value in both."""
    both = one.keys() & other.keys()
    return len(one.keys() ^ other.keys()) + sum(bool(one[key] != other[key]) for key in both)


def check_conservation(connection: Connection, log: Log, partitions: int) -> list[Check]:
    """Of each stream: received against what became of it, each side counted on its own."""
    laws = conservation(connection, in_flight(connection, log, partitions))
    return [
        Check(
            f"conservation of {stream}",
            abs(law.difference),
            {"received": law.received, **law.disposed},
        )
        for stream, law in laws.items()
    ]


def verify(
    connection: Connection,
    settings: Settings,
    log: Log,
    configuration: Configuration,
    *,
    outside: Sequence[Head] = (),
    sealer: Sealer | None = None,
) -> list[Check]:
    """Every check, in one snapshot.

    `outside`: heads of the trail that were kept elsewhere; `sealer`: opens records as received.
    """
    legible(connection)
    return [
        *check_conservation(connection, log, settings.partitions()),
        check_dispositions(connection),
        check_sealed(connection),
        check_erased(connection),
        check_opens(connection, sealer),
        check_newest(connection),
        check_rebuild(connection, configuration.watchlist),
        check_looks(connection),
        check_courses(connection, configuration.vocabulary),
        check_rates(connection, configuration),
        check_cohort_looks(connection, configuration),
        check_trail(connection),
        check_heads(connection, outside),
        check_acts(connection),
        check_signatures(connection),
    ]
