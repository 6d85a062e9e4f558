"""Signals that have ended come back by new evidence alone, and say what is new.

What is new evidence (docs/decisions/0007-people.md has why):

- a rule holds that had never held by the end of the signal, or
- the cases (of the cohort: first events) are at least twice as many as at the end, and three more,
  or
- of a case review, for which one case is enough: one more case, or course, satisfies its rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, func, select

from dashboards.board.review import reviewed_courses
from dashboards.seriousness import Seriousness
from dashboards.workflow import Act, newest_position, read, write
from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import SYSTEM
from streams.store.workflow import ENDED, NOW

COHORT = "cohort"
FACTOR, AT_LEAST = 2, 3
_BEGAN = ("first_held", "holds_again")


@dataclass(frozen=True, slots=True)
class News:
    """What is new about a signal since it ended: rules, and the count then and now."""

    rules: tuple[str, ...]
    n_before: int
    n: int

    def __str__(self) -> str:
        """In words.

        >>> print(News(("ic025",), 3, 9))
        new evidence: ic025 began to hold; 3 cases or first events when it ended, 9 now
        """
        rules = f"{', '.join(self.rules)} began to hold; " if self.rules else ""
        counts = f"{self.n_before} cases or first events when it ended, {self.n} now"
        return f"new evidence: {rules}{counts}"


def grown(kind: str, before: int, now: int) -> bool:
    """Whether a count has grown enough to be new evidence.

    >>> grown("screening", 4, 7), grown("screening", 4, 8), grown("screening", 1, 3)
    (False, True, False)
    >>> grown("case_review", 1, 2), grown("case_review", 1, 1)
    (True, False)
    """
    if kind == "case_review":
        return now > before
    return now >= max(FACTOR * before, before + AT_LEAST)


class Returning:
    """Looks at what has ended whenever the detector has moved on."""

    def __init__(self, store: Store, seriousness: Seriousness) -> None:
        self._store, self.seriousness = store, seriousness
        self._looked = -2
        self._counted: dict[int, tuple[tuple[int, int], int]] = {}

    def count(self, connection: Connection, signal: Any) -> int:
        """What `grown` compares: of a case review what satisfies its rules, else n of the pair."""
        pair = (signal.dataset, signal.product, signal.event)
        if signal.kind == "case_review":
            if signal.dataset == COHORT:
                return reviewed_courses(connection, signal.product, signal.event)
            self.seriousness.read(connection)
            return self.seriousness.reviewed(pair)
        table = tables.rates if signal.dataset == COHORT else tables.scores
        where = (table.c.product == signal.product) & (table.c.event == signal.event)
        if signal.dataset != COHORT:
            where &= tables.scores.c.dataset == signal.dataset
        return connection.scalar(select(table.c.n).where(where)) or 0

    def look(self) -> int:
        """Bring back what has new evidence; how many did."""
        with self._store.read() as connection:
            position = newest_position(connection)
            if position == self._looked:
                return 0
            self.seriousness.read(connection)  # so that no reader has to wait for it
            found = list(self._found(connection))
        for number, news in found:
            self._bring_back(number, news)
        self._looked = position
        return len(found)

    def _found(self, connection: Connection) -> Iterator[tuple[int, News]]:
        table = tables.workflow
        ended = connection.execute(
            select(NOW, table.c.n.label("n_before"), table.c.position)
            .join(table, table.c.signal_id == NOW.c.id)
            .where(NOW.c.state.in_(ENDED))
        ).all()
        history = tables.signal_history
        last = select(history.c.signal_id, func.max(history.c.position))
        rows = connection.execute(last.group_by(history.c.signal_id))
        newest = {row[0]: row[1] for row in rows}
        counts = self._counts(connection, ended)
        for signal in ended:
            rules: tuple[str, ...] = ()
            if newest.get(signal.id, -1) > signal.position:
                rules = _new_rules(connection, signal.id, signal.position)
            n = counts[signal.id]
            if rules or grown(signal.kind, signal.n_before, n):
                yield signal.id, News(rules, signal.n_before, n)

    def _counts(self, connection: Connection, ended: Sequence[Any]) -> dict[int, int]:
        """What `count` says of each, in a few queries, since this is asked after every change."""
        scores, rates, findings = tables.scores, tables.rates, tables.findings
        same = [scores.c[name] == NOW.c[name] for name in ("dataset", "product", "event")]
        of_scores = select(NOW.c.id, scores.c.n).join(scores, and_(*same))
        same = [rates.c[name] == NOW.c[name] for name in ("product", "event")]
        of_rates = select(NOW.c.id, rates.c.n).join(rates, and_(*same))
        counts = dict.fromkeys((signal.id for signal in ended), 0)
        for query in (of_scores, of_rates.where(NOW.c.dataset == COHORT)):
            rows = connection.execute(query.where(NOW.c.state.in_(ENDED)))
            counts |= {row.id: row.n for row in rows}
        # to count courses they are all decoded: again only where urgent findings of the event moved
        mark = select(findings.c.event, func.count(), func.sum(findings.c.course_id))
        urgent = mark.where(findings.c.level == "urgent").group_by(findings.c.event)
        marks = {row[0]: (row[1], row[2]) for row in connection.execute(urgent)}
        for signal in ended:
            if signal.kind != "case_review":
                continue
            mark_now = marks.get(signal.event, (0, 0))
            known = self._counted.get(signal.id)
            if signal.dataset != COHORT or known is None or known[0] != mark_now:
                known = self._counted[signal.id] = (mark_now, self.count(connection, signal))
            counts[signal.id] = known[1]
        return counts

    def _bring_back(self, number: int, news: News) -> None:
        with self._store.write() as connection:
            trail.lock(connection)
            now, revision = read(connection, number)
            if now.state not in ENDED:
                return  # another process was quicker
            after = replace(now, state="new", due=None, reason=None, causality=None, rucam=None)
            said = {"rules": list(news.rules), "n_before": news.n_before, "n": news.n}
            done = Act(SYSTEM, "returned", str(news), now, after, news=said)
            write(connection, number, revision, done)


def _new_rules(connection: Connection, number: int, position: int) -> tuple[str, ...]:
    """The rules that began to hold after a position and had never held by then."""
    table = tables.signal_history
    rows = connection.execute(
        select(table.c.position, table.c.detail)
        .where(table.c.signal_id == number, table.c.what.in_(_BEGAN))
        .order_by(table.c.id)
    )
    held: set[str] = set()
    new: dict[str, None] = {}
    for at, detail in rows:
        rule = json.loads(detail).get("rule", "")
        if at <= position:
            held.add(rule)
        elif rule not in held:
            new[rule] = None
    return tuple(new)
