"""The signals of a detector: raised when a rule first holds, kept from then on.

Three kinds, never under one word; one pair can have a signal of each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, insert, select, update

from detectors.coding import base
from detectors.dating import FirstHeld
from streams.agents.moment import Moment
from streams.agents.outbox import owner
from streams.settings import CHANGES, DETECT, SIGNALS
from streams.store import tables

OWNER = owner(DETECT, CHANGES, 0)
SCREENING, CASE_REVIEW, CONFIRMED = "screening", "case_review", "confirmed"
Pair = tuple[str, str, str]


@dataclass(slots=True)
class _Signal:
    """A signal as the store has it: for each rule that ever held, whether it does, and its date."""

    id: int
    kind: str
    pair: Pair
    holds: dict[str, bool] = field(default_factory=dict)
    dates: dict[str, tuple[str | None, int | None]] = field(default_factory=dict)


class Signals:
    """What is raised, in step with the tables `signals`, `signal_rules` and `signal_history`."""

    def __init__(self) -> None:
        self._raised: dict[tuple[str, Pair], _Signal] = {}

    def load(self, connection: Connection) -> None:
        """Read what the store has."""
        self._raised.clear()
        by_id: dict[int, _Signal] = {}
        for row in connection.execute(select(tables.signals)):
            pair = (row.dataset, row.product, row.event)
            by_id[row.id] = self._raised[row.kind, pair] = _Signal(row.id, row.kind, pair)
        for row in connection.execute(select(tables.signal_rules)):
            signal = by_id[row.signal_id]
            signal.holds[row.rule] = row.holds
            signal.dates[row.rule] = (row.data_date, row.data_n)

    def id_of(self, kind: str, pair: Pair) -> int | None:
        """The number of a pair's signal of a kind, or None."""
        signal = self._raised.get((kind, pair))
        return None if signal is None else signal.id

    def pairs(self, kind: str) -> set[Pair]:
        """Every pair that has a signal of a kind."""
        return {pair for of, pair in self._raised if of == kind}

    def observe(
        self,
        moment: Moment,
        kind: str,
        pair: Pair,
        held: Mapping[str, bool],
        n: Mapping[str, int] | int,
        *,
        priority: str = "normal",
        detail: Mapping[str, Any] | None = None,
    ) -> bool:
        """Record which rules hold for a pair now; whether one held that never had before.

        `n`: the count that a rule looked at, of each or of all; `detail` goes into the history.
        """
        signal = self._raised.get((kind, pair))
        if signal is None:
            if not any(held.values()) or self._covered(kind, pair):
                return False
            signal = self._raise(moment, kind, pair, priority)
        counts = dict.fromkeys(held, n) if isinstance(n, int) else n
        news: list[tuple[str, str]] = []
        for rule, now in held.items():
            before = signal.holds.get(rule)
            if before is None:
                if not now:
                    continue
                self._begin(moment, signal, rule, counts[rule], holds=True)
                news.append(("first_held", rule))
            elif before != now:
                rules = tables.signal_rules
                moment.connection.execute(
                    update(rules)
                    .where(rules.c.signal_id == signal.id, rules.c.rule == rule)
                    .values(holds=now)
                )
                signal.holds[rule] = now
                news.append(("holds_again" if now else "holds_no_longer", rule))
        if news:
            self._tell(moment, signal, news, counts, detail)
        return any(what == "first_held" for what, _ in news)

    def date(
        self, moment: Moment, kind: str, pair: Pair, first: Mapping[str, FirstHeld | None], n: int
    ) -> None:
        """Record the data dates of a pair; a rule that held on a day gone by raises it too."""
        found = {rule: held for rule, held in first.items() if held is not None}
        signal = self._raised.get((kind, pair))
        if not found or (signal is None and self._covered(kind, pair)):
            return
        signal = signal or self._raise(moment, kind, pair, "normal")
        rules = tables.signal_rules
        news = []
        for rule, held in found.items():
            if rule not in signal.holds:
                self._begin(moment, signal, rule, n, holds=False)
                news.append(("held_on_a_day_gone_by", rule))
            dated = (date.fromordinal(held.day).isoformat(), held.n)
            if signal.dates.get(rule) == dated:
                continue
            moment.connection.execute(
                update(rules)
                .where(rules.c.signal_id == signal.id, rules.c.rule == rule)
                .values(data_date=dated[0], data_n=dated[1])
            )
            signal.dates[rule] = dated
        if news:
            self._tell(moment, signal, news, dict.fromkeys(found, n), None)

    def _covered(self, kind: str, pair: Pair) -> bool:
        """Whether a row for one route or setting only repeats a signal of the whole product.

        It is raised for itself where the whole is silent; else the signal's page breaks it down.
        """
        dataset, product, event = pair
        return base(product) != product and (kind, (dataset, base(product), event)) in self._raised

    def _raise(self, moment: Moment, kind: str, pair: Pair, priority: str) -> _Signal:
        dataset, product, event = pair
        key = moment.connection.execute(
            insert(tables.signals).values(
                dataset=dataset,
                product=product,
                event=event,
                kind=kind,
                priority=priority,
                raised_position=moment.position,
                raised_at=moment.at,
                changed_at=moment.at,
            )
        ).inserted_primary_key
        assert key is not None
        signal = self._raised[kind, pair] = _Signal(int(key[0]), kind, pair)
        return signal

    def _begin(self, moment: Moment, signal: _Signal, rule: str, n: int, *, holds: bool) -> None:
        """Keep the first position, time and count at which a rule held."""
        moment.connection.execute(
            insert(tables.signal_rules).values(
                signal_id=signal.id,
                rule=rule,
                first_position=moment.position,
                first_at=moment.at,
                first_n=n,
                holds=holds,
            )
        )
        signal.holds[rule] = holds

    def _tell(
        self,
        moment: Moment,
        signal: _Signal,
        news: list[tuple[str, str]],
        n: Mapping[str, int],
        detail: Mapping[str, Any] | None,
    ) -> None:
        """Write the history, and publish the signal as it is now."""
        more = dict(detail or {})
        moment.connection.execute(
            insert(tables.signal_history),
            [
                {
                    "signal_id": signal.id,
                    "position": moment.position,
                    "at": moment.at,
                    "what": what,
                    "detail": json.dumps({"rule": rule, "n": n[rule]} | more),
                }
                for what, rule in news
            ],
        )
        table = tables.signals
        moment.connection.execute(
            update(table).where(table.c.id == signal.id).values(changed_at=moment.at)
        )
        dataset, product, event = signal.pair
        message: dict[str, Any] = {
            "v": 1,
            "id": signal.id,
            "kind": signal.kind,
            "dataset": dataset,
            "product": product,
            "event": event,
            "n": max(n[rule] for _, rule in news),
            "position": moment.position,
            "at": moment.at,
            "rules": signal.holds,
            "news": [{"what": what, "rule": rule} for what, rule in news],
        }
        moment.connection.execute(
            insert(tables.outbox).values(
                owner=OWNER,
                topic=SIGNALS,
                key="\x1f".join((signal.kind, dataset, product, event)).encode(),
                value=json.dumps(message | more).encode(),
            )
        )
