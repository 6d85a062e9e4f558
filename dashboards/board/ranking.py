"""The order of the inbox: what needs a person most comes first, and the page says why.

Signals are compared step by step; a later step only decides between those that are equal in all
before it:

1. evidence: confirmed by sequential evidence and not suspended, or a case review whose rule holds;
   then two or more screening rules that hold, then one, then none that still holds;
2. seriousness: a fatal case; then at least half of the cases serious (of the cohort: an urgent
   finding); then the others;
3. newness: raised, or come back, within the last seven days;
4. unexpectedness: no label of the product lists the event (of a group: all of its terms);
5. watchlist: the product is on it still;
6. strength: the lower limit of the IC, then the number of cases, then what was raised last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, case, select

from dashboards.books import Books
from dashboards.facets import NONE, Values, of_cohort
from dashboards.seriousness import Count
from detectors.coding import GROUP, base
from schemas.vocabulary import Listed, Vocabulary
from streams.store import tables
from streams.store.workflow import ENDED, NOW

NEW_SECONDS = 7 * 86_400.0
_LEVELS = {"fatal": 2, "serious": 1, "not serious": 0}


class Rank(NamedTuple):
    """The steps, the larger the higher; compared from the left."""

    evidence: int
    seriousness: int
    newness: int
    unexpectedness: int
    watchlist: int
    ic025: float
    n: int
    since: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A signal that needs a person: its row, where it stands, and what that rests on.

    `count`: of reports, how serious the cases are; `since`: when it was raised or came back; `n`:
    cases, of the cohort first events; `held`: rules that hold now, `over` those that did; `facets`:
    what its cases say of route, setting and so on.
    """

    row: Any
    rank: Rank
    count: Count
    level: str
    since: float
    n: int
    held: tuple[str, ...]
    over: tuple[str, ...]
    groups: tuple[str, ...]
    facets: Values


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a deployment ranks by."""

    vocabulary: Vocabulary
    labels: Listed
    watched: Collection[str]
    books: Books

    def ranked(self, connection: Connection, now: float, facets: bool = True) -> list[Ranked]:
        """Every signal that has not ended, the one that needs a person most first.

        Without `facets` none that is of reports says what its cases do, and nobody waits for it.
        """
        self.books.seriousness.read(connection)
        if facets:
            self.books.facets.read(connection)
        cohort = of_cohort(connection)
        rules: dict[int, list[Any]] = defaultdict(list)
        table = tables.signal_rules
        for rule in connection.execute(
            select(table.c.signal_id, table.c.rule, table.c.holds).order_by(
                table.c.first_position, table.c.rule
            )
        ):
            rules[rule.signal_id].append(rule)
        groups = self.vocabulary.groups()
        found = [
            self._one(row, rules[row.id], groups, now, self._facets(row, cohort, facets))
            for row in _open(connection)
        ]
        return sorted(found, key=lambda one: (one.rank, -one.row.id), reverse=True)

    def _facets(self, row: Any, cohort: Mapping[tuple[str, str], Values], facets: bool) -> Values:
        if row.dataset == "cohort":
            return cohort.get((base(row.product), row.event), NONE)
        pair = (row.dataset, row.product, row.event)
        return self.books.facets.of(pair) if facets else NONE

    def _one(
        self,
        row: Any,
        rules: Sequence[Any],
        groups: Mapping[str, Sequence[str]],
        now: float,
        facets: Values,
    ) -> Ranked:
        held = tuple(rule.rule for rule in rules if rule.holds)
        count = self.books.seriousness.of((row.dataset, row.product, row.event))
        level = count.level
        if row.dataset == "cohort":
            level = "serious" if row.kind == "case_review" else "not serious"
        # what is new and has a workflow has come back
        since = row.since if row.returned and row.state == "new" else row.raised_at
        n = row.n or 0
        rank = Rank(
            evidence(row.kind, len(held)),
            _LEVELS[level],
            int(since > now - NEW_SECONDS),
            int(not self._listed(row.product, row.event, groups)),
            int(base(row.product) in self.watched),
            float("-inf") if row.ic025 is None else row.ic025,
            n,
            since,
        )
        over = tuple(rule.rule for rule in rules if not rule.holds)
        of_event = self.vocabulary.groups_of(row.event)
        if row.event.startswith(GROUP):
            of_event = (row.event.removeprefix(GROUP),)
        return Ranked(row, rank, count, level, since, n, held, over, of_event, facets)

    def _listed(self, product: str, event: str, groups: Mapping[str, Sequence[str]]) -> bool:
        terms = groups.get(event.removeprefix(GROUP), ()) if event.startswith(GROUP) else (event,)
        labels = self.labels.of(base(product))
        return bool(terms) and any(label.terms.issuperset(terms) for label in labels)


def evidence(kind: str, held: int) -> int:
    """The first step, from the kind and how many rules hold.

    >>> evidence("confirmed", 1), evidence("screening", 4), evidence("screening", 1)
    (3, 2, 1)
    >>> evidence("confirmed", 0)  # suspended
    0
    """
    if held and kind != "screening":
        return 3
    return min(held, 2)


def _open(connection: Connection) -> Sequence[Any]:
    scores, rates, acts = tables.scores, tables.rates, tables.acts
    pair = and_(*(scores.c[name] == NOW.c[name] for name in ("dataset", "product", "event")))
    same = [rates.c[name] == NOW.c[name] for name in ("product", "event")]
    cohort = NOW.c.dataset == "cohort"
    returned = select(acts.c.id).where(acts.c.signal_id == NOW.c.id, acts.c.what == "returned")
    return connection.execute(
        select(
            NOW,
            case((cohort, rates.c.n), else_=scores.c.n).label("n"),
            scores.c.expected,
            scores.c.ic,
            scores.c.ic025,
            rates.c.rate,
            rates.c.rate_lower,
            rates.c.rate_upper,
            rates.c.days,
            returned.exists().label("returned"),
        )
        .select_from(NOW.outerjoin(scores, pair).outerjoin(rates, and_(cohort, *same)))
        .where(NOW.c.state.not_in(ENDED))
    ).all()
