"""Sequential evidence in the live system: looks of a day, families, and what they confirm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import Connection, func, select, update

from detectors.casebook import CaseContent
from detectors.dating import FirstHeld, History
from detectors.evidence import RULE, Evidence, Found, corrected
from detectors.looks import Looks
from schemas.envelope import Change
from streams.agents.configuration import Configuration
from streams.agents.moment import Moment
from streams.agents.recount import Earlier, close, enter, recount
from streams.agents.signals import CONFIRMED, Pair, Signals
from streams.store import tables
from streams.store.families import Opened, end_family, families, open_family, told_apart
from streams.store.looks import (
    Closed,
    close_look,
    closed_looks,
    read_open,
    write_counts,
    write_evidence,
    write_looks,
)
from streams.store.writing import upsert


class Confirming:
    """The looks of some datasets and the families over them.

    A family takes the looks that close after it was opened, so that nothing it was chosen by can
    be evidence for it.
    """

    def __init__(
        self, configuration: Configuration, signals: Signals, datasets: Sequence[str]
    ) -> None:
        self._plan, self._watchlist = configuration.family, configuration.watchlist
        self._signals = signals
        self._datasets = tuple(datasets)

    def load(self, connection: Connection) -> None:
        """Work out every state again from the closed looks; take up what is open."""
        self._families = families(connection, self._datasets)
        self._new = list(self._to_open())
        self._evidence = {one.id: Evidence(one.family, one.margin) for one in self._families}
        for dataset in self._datasets:
            for look in closed_looks(connection, dataset):
                for one in self._taking(look):
                    self._evidence[one.id].look(look.counts)
        self._looks = Looks(told_apart(self._families, self._datasets))
        self._earlier = Earlier.load(connection)
        read_open(connection, self._looks, self._datasets)

    def lines(self) -> list[str]:
        """Each family with its size, those included that the next change opens."""
        return [str(one) for one in (*self._going_on(), *self._new)]

    def begin(self, moment: Moment) -> None:
        """Open the families of products that have none, and end those of another file."""
        if not self._new:
            return
        connection = moment.connection
        for one in self._families:
            if one.ended_position is None and one.digest != self._plan.digest():
                end_family(connection, one.id, moment.position)
        for given in self._new:
            opened = replace(given, opened_position=moment.position, opened_at=moment.at)
            open_family(connection, opened)
        # names that were not told apart until now are counted again from the changes
        self._families = families(connection, self._datasets)
        self._looks = Looks(told_apart(self._families, self._datasets))
        write_counts(connection, recount(connection, self._looks))
        for one in self._families:
            if one.id not in self._evidence:
                self._evidence[one.id] = Evidence(one.family, one.margin)
        self._new = []

    def take(self, change: Change, counted: CaseContent | None, held: CaseContent | None) -> None:
        """Let a change enter the look of its day; `held`: what its case counted as until now."""
        enter(self._looks, change, counted, self._earlier.add(change, held))

    def write(self, connection: Connection) -> None:
        """Store what of the open looks has not been."""
        write_looks(connection, self._looks)

    def checkpoint(self, moment: Moment, reason: str, history: Callable[[str], History]) -> None:
        """Close the looks that can be, look at them, and compare what is confirmed with today."""
        connection = moment.connection
        self.write(connection)
        for look in close(self._looks, moment.position, moment.at, reason):
            close_look(connection, look, moment.at)
            for one in self._taking(look):
                rows, found = self._evidence[one.id].look(look.counts)
                write_evidence(connection, one.id, look.day, rows)
                for pair in found:
                    self._confirm(moment, one, look.day, pair)
        self.write(connection)
        self._correct(moment, history)

    def _confirm(self, moment: Moment, family: Opened, day: int, found: Found) -> None:
        row = found.row
        pair = (family.dataset, row.product, row.event)
        name = date.fromordinal(day).isoformat()
        detail = {
            "day": name,
            "log_e": row.log_e_sup,
            "asked": found.asked,
            "family": family.family.name,
            "size": family.family.size,
        }
        self._signals.observe(
            moment, CONFIRMED, pair, {RULE.name: True}, row.n, priority="high", detail=detail
        )
        self._signals.date(moment, CONFIRMED, pair, {RULE.name: FirstHeld(day, row.n)}, row.n)
        confirmed = {
            "signal_id": self._signals.id_of(CONFIRMED, pair),
            "family": family.id,
            "day": name,
            "n": row.n,
            "log_e": row.log_e_sup,
            "asked": found.asked,
            "among": found.among,
        }
        upsert(moment.connection, tables.confirmations, [confirmed])

    def _correct(self, moment: Moment, history: Callable[[str], History]) -> None:
        """The same process on the newest versions by the data's days: it can suspend, not make."""
        table, signals = tables.confirmations, tables.signals
        rows = moment.connection.execute(
            select(table, signals.c.dataset, signals.c.product, signals.c.event)
            .join(signals, signals.c.id == table.c.signal_id)
            .where(signals.c.dataset.in_(self._datasets))
            .order_by(table.c.family, table.c.signal_id)
        ).all()
        of_family = {one.id: one for one in self._families}
        for number in dict.fromkeys(row.family for row in rows):
            family = of_family[number]
            own = [row for row in rows if row.family == number]
            since = self._first_day(moment.connection, family)
            known = history(family.dataset)
            days = [known.by_day(row.product, row.event, since) for row in own]
            for row, columns, log_e in zip(own, days, corrected(days, family.margin), strict=True):
                count = int(columns.n.sum())
                moment.connection.execute(
                    update(table)
                    .where(table.c.signal_id == row.signal_id)
                    .values(
                        corrected_log_e=float(log_e),
                        corrected_n=count,
                        corrected_position=moment.position,
                    )
                )
                pair: Pair = (row.dataset, row.product, row.event)
                detail = {"corrected_log_e": float(log_e), "asked": row.asked}
                holds = {RULE.name: bool(log_e >= row.asked)}
                self._signals.observe(moment, CONFIRMED, pair, holds, count, detail=detail)

    def _first_day(self, connection: Connection, family: Opened) -> int:
        table = tables.looks
        query = select(func.min(table.c.day)).where(
            table.c.dataset == family.dataset, table.c.closed_position > family.opened_position
        )
        return date.fromisoformat(connection.execute(query).scalar_one()).toordinal()

    def _taking(self, look: Closed) -> list[Opened]:
        return [
            one
            for one in self._families
            if one.dataset == look.dataset and one.takes(look.position)
        ]

    def _going_on(self) -> list[Opened]:
        digest = self._plan.digest()
        return [
            one for one in self._families if one.ended_position is None and one.digest == digest
        ]

    def _to_open(self) -> Iterable[Opened]:
        """A family of all products for a new file; one for each product that came later."""
        for dataset in self._datasets:
            own = [one.family.products for one in self._going_on() if one.dataset == dataset]
            covered = {product for products in own for product in products}
            new = sorted(self._watchlist.products - covered)
            groups: list[tuple[str, list[str]]] = [(self._plan.name, new)]
            if own:
                groups = [(f"{self._plan.name}: {product}", [product]) for product in new]
            for name, products in groups:
                if products:
                    yield Opened(
                        0,
                        dataset,
                        self._plan.over(products, name),
                        self._plan.margin,
                        self._plan.opened,
                        self._plan.digest(),
                        -1,
                        0.0,
                    )
