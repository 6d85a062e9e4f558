"""The signals of a detector: raised when a rule first holds, kept from then on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from detectors.coding import base
from detectors.dating import FirstHeld
from streams.agents.outbox import owner
from streams.settings import CHANGES, DETECT, SIGNALS
from streams.store import tables

OWNER = owner(DETECT, CHANGES, 0)
SCREENING = "screening"
Pair = tuple[str, str, str]


class Look(NamedTuple):
    """One look at the counts: in which transaction, at which position, when (system time)."""

    connection: Connection
    position: int
    at: float


@dataclass(slots=True)
class _Signal:
    """A signal as the store has it: for each rule that ever held, whether it does now."""

    id: int
    holds: dict[str, bool] = field(default_factory=dict)


class Signals:
    """What is raised, in step with the tables `signals`, `signal_rules` and `signal_history`."""

    def __init__(self, designated: frozenset[str]) -> None:
        self._designated = designated
        self._raised: dict[Pair, _Signal] = {}

    def load(self, connection: Connection) -> None:
        """Read what the store has."""
        self._raised.clear()
        by_id: dict[int, _Signal] = {}
        table, rules = tables.signals, tables.signal_rules
        for row in connection.execute(select(table).where(table.c.kind == SCREENING)):
            pair = (row.dataset, row.product, row.event)
            by_id[row.id] = self._raised[pair] = _Signal(row.id)
        for row in connection.execute(select(rules)):
            if row.signal_id in by_id:
                by_id[row.signal_id].holds[row.rule] = row.holds

    def observe(self, look: Look, pair: Pair, held: dict[str, bool], n: int) -> bool:
        """Record which rules hold for a pair now; whether one held that never had before."""
        signal = self._raised.get(pair)
        if signal is None:
            if not any(held.values()) or self._covered(pair):
                return False
            signal = self._raise(look, pair)
        news: list[tuple[str, str]] = []
        for rule, now in held.items():
            before = signal.holds.get(rule)
            if before is None:
                if not now:
                    continue
                self._begin(look, signal, rule, n, holds=True)
                news.append(("first_held", rule))
            elif before != now:
                rules = tables.signal_rules
                look.connection.execute(
                    update(rules)
                    .where(rules.c.signal_id == signal.id, rules.c.rule == rule)
                    .values(holds=now)
                )
                signal.holds[rule] = now
                news.append(("holds_again" if now else "holds_no_longer", rule))
        if news:
            self._tell(look, pair, signal, news, n)
        return any(what == "first_held" for what, _ in news)

    def date(self, look: Look, pair: Pair, first: dict[str, FirstHeld | None], n: int) -> None:
        """Record the data dates of a pair; a rule that held on a day gone by raises it too."""
        found = {rule: held for rule, held in first.items() if held is not None}
        if not found or (pair not in self._raised and self._covered(pair)):
            return
        signal = self._raised.get(pair) or self._raise(look, pair)
        rules = tables.signal_rules
        news = []
        for rule, held in found.items():
            if rule not in signal.holds:
                self._begin(look, signal, rule, n, holds=False)
                news.append(("held_on_a_day_gone_by", rule))
            look.connection.execute(
                update(rules)
                .where(rules.c.signal_id == signal.id, rules.c.rule == rule)
                .values(data_date=date.fromordinal(held.day).isoformat(), data_n=held.n)
            )
        if news:
            self._tell(look, pair, signal, news, n)

    def _covered(self, pair: Pair) -> bool:
        """Whether a row for one route or setting only repeats a signal of the whole product.

        It is raised for itself where the whole is silent; else the signal's page breaks it down.
        """
        dataset, product, event = pair
        return base(product) != product and (dataset, base(product), event) in self._raised

    def _raise(self, look: Look, pair: Pair) -> _Signal:
        dataset, product, event = pair
        key = look.connection.execute(
            insert(tables.signals).values(
                dataset=dataset,
                product=product,
                event=event,
                kind=SCREENING,
                state="new",
                priority="high" if event in self._designated else "normal",
                raised_position=look.position,
                raised_at=look.at,
                changed_at=look.at,
            )
        ).inserted_primary_key
        assert key is not None
        signal = self._raised[pair] = _Signal(int(key[0]))
        return signal

    def _begin(self, look: Look, signal: _Signal, rule: str, n: int, *, holds: bool) -> None:
        """Keep the first position, time and count at which a rule held."""
        look.connection.execute(
            insert(tables.signal_rules).values(
                signal_id=signal.id,
                rule=rule,
                first_position=look.position,
                first_at=look.at,
                first_n=n,
                holds=holds,
            )
        )
        signal.holds[rule] = holds

    def _tell(
        self, look: Look, pair: Pair, signal: _Signal, news: list[tuple[str, str]], n: int
    ) -> None:
        """Write the history, and publish the signal as it is now."""
        look.connection.execute(
            insert(tables.signal_history),
            [
                {
                    "signal_id": signal.id,
                    "position": look.position,
                    "at": look.at,
                    "what": what,
                    "detail": json.dumps({"rule": rule, "n": n}),
                }
                for what, rule in news
            ],
        )
        table = tables.signals
        look.connection.execute(
            update(table).where(table.c.id == signal.id).values(changed_at=look.at)
        )
        dataset, product, event = pair
        message: dict[str, Any] = {
            "v": 1,
            "id": signal.id,
            "kind": SCREENING,
            "dataset": dataset,
            "product": product,
            "event": event,
            "n": n,
            "position": look.position,
            "at": look.at,
            "rules": signal.holds,
            "news": [{"what": what, "rule": rule} for what, rule in news],
        }
        look.connection.execute(
            insert(tables.outbox).values(
                owner=OWNER,
                topic=SIGNALS,
                key="\x1f".join(pair).encode(),
                value=json.dumps(message).encode(),
            )
        )
