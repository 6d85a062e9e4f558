"""A store filled by hand: rows that agree with each other, without any agent."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, insert, select

from detectors.disproportionality import ebgm
from detectors.disproportionality.gps import Prior
from detectors.disproportionality.table import PairTable, score
from schemas import times
from schemas.coding import code
from schemas.envelope import Change, Entry, Envelope, encode
from schemas.vocabulary import Vocabulary
from streams.log import Log, Message, open_log
from streams.settings import Settings
from streams.store import tables
from streams.store.fits import Fit, Fits
from streams.store.scores import nullable
from streams.store.store import Store, open_store
from streams.store.writing import upsert

VOCABULARY = Vocabulary.load()
PAIR = ("spontaneous", "esketamine", "Dissociation")


def report(number: int, **changes: Any) -> dict[str, Any]:
    """A report as a clinic sends it."""
    return {
        "sender": "clinic-a",
        "report_id": f"A-{number}",
        "received_at": "2026-07-03",
        "country": "DE",
        "patient": {"pseudonym": f"p-{number}", "age_years": 40 + number % 30, "sex": "female"},
        "products": [
            {"name": "Spravato", "role": "suspect", "route": "intranasal", "setting": "clinic"},
            {"name": "Sertraline", "role": "concomitant"},
        ],
        "reactions": [
            {
                "term": "DISSOCIATION",
                "outcome": "recovered",
                "seriousness": ["other_medically_important"],
            }
        ],
    } | changes


class Filled:
    """A deployment whose log is empty and whose store is written here."""

    def __init__(self, data: Path) -> None:
        self.settings = Settings.read(data=data)
        self.store: Store = open_store(self.settings.store)
        self.log: Log = open_log(self.settings.broker)
        self.log.ensure_topics(self.settings.topics())
        self.prior: Prior | None = None
        self.fit: int | None = None
        with self.store.write() as connection:
            rows = [("detect", "changes", 0)] + [
                (consumer, topic, partition)
                for consumer, topic in (("intake", "reports"), ("follow_up", "followups"))
                for partition in range(self.settings.partitions())
            ]
            names = ("consumer", "topic", "partition")
            connection.execute(
                insert(tables.positions),
                [
                    dict(zip(names, row, strict=True))
                    | {"log_id": self.log.log_id(), "next_offset": 0}
                    for row in rows
                ],
            )

    def close(self) -> None:
        """Let go of log and store."""
        self.log.close()
        self.store.close()

    def record(
        self,
        connection: Connection,
        *,
        sender: str = "clinic-a",
        at: float | None = None,
        **changes: Any,
    ) -> int:
        """A raw record; what became of it is for the caller to write."""
        table = tables.records
        number = (connection.scalar(select(func.max(table.c.id))) or 0) + 1
        row = {
            "id": number,
            "stream": "reports",
            "partition": 0,
            "offset": number,
            "place": 0,
            "request_index": 0,
            "sender": sender,
            "origin": "push",
            "taken_at": time.time() if at is None else at,
            "sealed": b"sealed",
            "wrapped_key": b"key",
            "sealed_hash": hashlib.sha256(b"sealed").digest(),
        }
        connection.execute(insert(table), [row | changes])
        return number

    def version(self, connection: Connection, body: Mapping[str, Any], **changes: Any) -> int:
        """A record that became a version of its case, the newest."""
        at = changes.pop("at", None)
        number = self.record(connection, sender=body["sender"], at=at, **changes)
        key = f"reports\x1f{body['sender']}\x1f{body['report_id']}"
        cases = tables.cases
        case = connection.execute(select(cases).where(cases.c.key == key)).first()
        upsert(
            connection,
            cases,
            [
                {
                    "id": case.id if case else number,
                    "key": key,
                    "stream": changes.get("stream", "reports"),
                    "sender": body["sender"],
                    "report_id": body["report_id"],
                    "newest": number,
                    "revision": case.revision + 1 if case else 1,
                }
            ],
        )
        day = times.day(body["received_at"])
        coding = code(VOCABULARY, body, day)
        change = Change(
            "case",
            dataset=coding.dataset,
            products=coding.products,
            events=coding.events,
            serious=coding.serious,
            fatal=coding.fatal,
        )
        connection.execute(
            insert(tables.versions),
            [
                {
                    "id": number,
                    "case_id": case.id if case else number,
                    "version": body.get("version"),
                    "information_date": body["received_at"],
                    "sort_key": times.sort_key(body["received_at"]),
                    "content_hash": hashlib.sha256(json.dumps(dict(body)).encode()).digest(),
                    "status": body.get("status", "active"),
                    "version_conflict": False,
                    "body": json.dumps(dict(body)).encode(),
                    "coded": encode(change),
                }
            ],
        )
        return number

    def hold(self, connection: Connection, fault: tuple[str, str, str], **changes: Any) -> int:
        """A record that was held in quarantine."""
        number = self.record(connection, **changes)
        connection.execute(
            insert(tables.quarantine),
            [
                {
                    "id": number,
                    "stage": "gateway",
                    "code": fault[0],
                    "rule": None,
                    "report_id": f"Q-{number}",
                    "faults": json.dumps([fault]).encode(),
                    "held_at": time.time(),
                    "entry": None,
                }
            ],
        )
        return number

    def repeat(self, connection: Connection, version: int) -> int:
        """A record that was there already."""
        number = self.record(connection)
        connection.execute(insert(tables.duplicates), [{"id": number, "version_id": version}])
        return number

    def score(
        self,
        connection: Connection,
        pairs: Iterable[tuple[tuple[str, str, str], tuple[int, int, int, int]]],
        *,
        position: int,
        at: float | None = None,
        points: bool = True,
        watched: bool = True,
    ) -> None:
        """Score pairs from (n, n_product, n_event, n_total), and keep a point of each."""
        listed = list(pairs)
        counts = list(zip(*(counts for _, counts in listed), strict=True))
        table = PairTable.of(
            [pair[1] for pair, _ in listed],
            [pair[2] for pair, _ in listed],
            **dict(zip(("n", "n_product", "n_event", "n_total"), counts, strict=True)),
        )
        columns = {name: nullable(values) for name, values in self.scores(table).items()}
        rows = []
        for i, (pair, numbers) in enumerate(listed):
            row: dict[str, Any] = dict(zip(("dataset", "product", "event"), pair, strict=True))
            row |= dict(zip(("n", "n_product", "n_event", "n_total"), numbers, strict=True))
            row |= {name: columns[name][i] for name in tables.STATISTICS}
            rows.append(row | {"watched": watched, "position": position, "fit": self.fit})
        upsert(connection, tables.scores, rows)
        if points:
            kept = ("dataset", "product", "event", "n", "expected", "prr", "ic", "ic025", "ic975")
            at = time.time() if at is None else at
            upsert(
                connection,
                tables.points,
                [
                    {name: row[name] for name in kept} | {"position": position, "at": at}
                    for row in rows
                ],
            )

    def scores(self, table: PairTable) -> dict[str, Any]:
        """The columns of a table, EBGM by the prior of the checkpoint if there is one."""
        if self.prior is None:
            return score(table) | dict.fromkeys(ebgm.METHOD.columns, np.full(len(table), np.nan))
        given = {"ebgm": ebgm.Parameters(prior=self.prior)}
        return score(table) | score(table, (ebgm.METHOD,), given)

    def checkpoint(self, connection: Connection, position: int, fits: Mapping[str, Fit]) -> None:
        """A checkpoint; what is scored from now on has its prior of the spontaneous reports."""
        row = {
            "position": position,
            "at": 1_790_000_000.0,
            "reason": "import",
            "changes": 12,
            "cases": 11,
            "pairs": 40,
            "fits": Fits(position, fits).to_json(),
            "configuration": "c",
            "code_version": "0",
            "seconds": 0.25,
        }
        connection.execute(insert(tables.checkpoints), [row])
        self.prior = fits["spontaneous"].prior
        self.fit = None if self.prior is None else position

    def signal(
        self,
        connection: Connection,
        pair: tuple[str, str, str],
        *,
        position: int,
        rules: Mapping[str, bool],
        n: int,
        at: float | None = None,
        data_date: str | None = "2026-06-30",
        **changes: Any,
    ) -> int:
        """Raise a signal by rules (name: whether it holds now)."""
        at = time.time() if at is None else at
        row = dict(zip(("dataset", "product", "event"), pair, strict=True)) | {
            "kind": "screening",
            "priority": "normal",
            "raised_position": position,
            "raised_at": at,
            "changed_at": at,
        }
        key = connection.execute(insert(tables.signals).values(row | changes)).inserted_primary_key
        assert key is not None
        number = int(key[0])
        for rule, holds in rules.items():
            connection.execute(
                insert(tables.signal_rules),
                [
                    {
                        "signal_id": number,
                        "rule": rule,
                        "first_position": position,
                        "first_at": at,
                        "first_n": n,
                        "data_date": data_date,
                        "data_n": n if data_date else None,
                        "holds": holds,
                    }
                ],
            )
            connection.execute(
                insert(tables.signal_history),
                [
                    {
                        "signal_id": number,
                        "position": position,
                        "at": at,
                        "what": "first_held",
                        "detail": json.dumps({"rule": rule, "n": n}),
                    }
                ],
            )
        return number

    def move(self, connection: Connection, position: int) -> None:
        """Everything up to a position is scored; the log has as much."""
        table = tables.positions
        connection.execute(
            table.update().where(table.c.consumer == "detect").values(next_offset=position + 1)
        )

    def push(self, bodies: Iterable[bytes], *, replay_of: int | None = None) -> None:
        """Put an envelope into the log that no agent reads."""
        records = tuple(
            Entry(
                i,
                "clinic-a",
                "push",
                time.time(),
                b"s",
                b"k",
                b"h",
                None,
                body=body,
                replay_of=replay_of,
            )
            for i, body in enumerate(bodies)
        )
        self.log.append([Message("reports", 0, b"k", encode(Envelope(1, "reports", records)))])


def fill(filled: Filled) -> int:
    """A small board: 3 signals, 12 cases, some of every disposition; the id of the first signal."""
    with filled.store.write() as connection:
        filled.checkpoint(
            connection,
            0,
            {
                "spontaneous": Fit(40, Prior(0.2, 0.06, 1.4, 1.8, 0.1), 812.5, 4),
                "solicited": Fit(2, code="ebgm_fit_failed", message="2 pairs are too few"),
            },
        )
        first = [filled.version(connection, report(i)) for i in range(8)]
        filled.version(connection, report(0, version=2, received_at="2026-07-09"))
        filled.version(
            connection, report(1, version=2, received_at="2026-07-09", status="nullified")
        )
        home = [{"name": "Ketamine", "role": "suspect", "route": "sublingual", "setting": "home"}]
        for i in range(20, 24):
            filled.version(
                connection,
                report(i, sender="clinic-b", products=home, reactions=[{"term": "Cystitis"}]),
                at=time.time() - 40 * 86_400,
            )
        filled.repeat(connection, first[2])
        filled.hold(connection, ("naive_datetime", "received_at", "the datetime has no time zone"))
        filled.hold(connection, ("too_small", "products[0].dose_mg", "Input should be >= 0"))
        for n in range(1, 8):
            filled.score(
                connection,
                [
                    (PAIR, (n, 20 + n, 30 + n, 9_000 + 100 * n)),
                    (
                        ("spontaneous", "esketamine @intranasal", "Dissociation"),
                        (n, 10 + n, 30 + n, 9_000 + 100 * n),
                    ),
                    (
                        ("spontaneous", "esketamine @clinic", "Dissociation"),
                        (n, 18 + n, 30 + n, 9_000 + 100 * n),
                    ),
                ],
                position=n,
                at=time.time() - 600 + n,
            )
        filled.score(
            connection,
            [
                (("spontaneous", "ketamine @home", "Cystitis"), (4, 11, 13, 9_700)),
                (("spontaneous", "ketamine", "Cystitis"), (4, 90, 13, 9_700)),
                (("spontaneous", "ketamine", "group:urinary"), (5, 90, 40, 9_700)),
            ],
            position=8,
        )
        one = filled.signal(
            connection,
            PAIR,
            position=3,
            n=3,
            rules={"ic025": True, "ror025": True, "evans_prr": False},
        )
        filled.signal(
            connection,
            ("spontaneous", "ketamine @home", "Cystitis"),
            position=8,
            n=3,
            rules={"ic025": True},
            priority="high",
        )
        filled.signal(
            connection,
            ("spontaneous", "ketamine", "group:urinary"),
            position=8,
            n=5,
            rules={"ror025": False},
            data_date=None,
        )
        filled.move(connection, 8)
        upsert(
            connection,
            tables.meters,
            [
                {
                    "name": "freshness",
                    "body": json.dumps(
                        {"buckets": {"0.05": 3, "0.25": 6, "1.0": 1}, "sum": 1.5, "count": 10}
                    ),
                },
                {"name": "detect", "body": json.dumps({"at": 1_790_000_000.5})},
            ],
        )
        upsert(
            connection,
            tables.quality_batches,
            [{"result": "passed", "n": 7}, {"result": "flagged", "n": 2}],
        )
        connection.execute(
            insert(tables.quality),
            [
                {
                    "at": time.time(),
                    "stream": "reports",
                    "sender": "clinic-b",
                    "rule": "missing_age",
                    "records": 40,
                    "observed": 0.6,
                    "limit": 0.5,
                    "passed": False,
                }
            ],
        )
        counts = {("records", ""): 60, ("batches", ""): 4, ("verdicts", ""): 1}
        counts |= {("records", "age_range"): 2, ("batches", "age_range"): 1}
        counts |= {("verdicts", "missing_age"): 1}
        day = datetime.now(UTC).date().isoformat()
        judged = [
            {"day": day, "stream": "reports", "sender": "clinic-b", "unit": unit, "rule": rule}
            | {"n": n}
            for (unit, rule), n in counts.items()
        ]
        upsert(connection, tables.quality_days, judged)
        upsert(connection, tables.unmatched, [{"kind": "product", "name": "Zzyzx forte", "n": 3}])
    return one
