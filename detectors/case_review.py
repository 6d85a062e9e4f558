"""Case review: rules that one case is enough for, without statistics."""

from __future__ import annotations

from collections.abc import Collection, Set
from dataclasses import dataclass
from typing import NamedTuple

from detectors.coding import COUNTED, NOT_COUNTED
from schemas.envelope import Change
from schemas.vocabulary.listed import Listed

Pair = tuple[str, str, str]
_NONE: frozenset[Pair] = frozenset()


class Rule(NamedTuple):
    """A rule by its stable name, what it says in words, and where it comes from."""

    name: str
    title: str
    source: str


RULES = (
    Rule(
        "designated_event",
        "a suspect case of an event on the list reviewed from the first case",
        "a list of this deployment, as the EMA reviews its Designated Medical Events",
    ),
    Rule(
        "fatal_unlisted",
        "a fatal case whose event the label does not list for the product and its route",
        "ICH E2A: unexpected; the labels are those of this deployment",
    ),
    Rule(
        "positive_rechallenge",
        "the event came again when the product was given again",
        "ICH E2B(R3) G.k.9.i.4; GVP Module IX: supportive case",
    ),
)
NAMES = tuple(rule.name for rule in RULES)

# of patient courses, by their findings and not by reports
URGENT = Rule(
    "urgent_finding",
    "a finding of a patient course that must not wait",
    "the rule of its follow-up stream, named with the finding on the page of the course",
)


class Held(NamedTuple):
    """A rule that a case satisfies for a pair, and the day (ordinal) since which it does."""

    rule: str
    pair: Pair
    day: int


class Count(NamedTuple):
    """Cases that satisfy a rule, the first day (0: none), and how many did by its end."""

    n: int = 0
    day: int = 0
    n_first: int = 0


@dataclass(frozen=True, slots=True)
class Lists:
    """What a case is judged by: products watched, events designated, labels, events left out."""

    watched: Collection[str]
    designated: Collection[str]
    listed: Listed
    left_out: Collection[str] = ()


def reviewed(change: Change, lists: Lists) -> tuple[Held, ...]:
    """What a case as its newest version says satisfies; nothing where it does not count.

    Only products that are watched and whose role counts; terms, no groups; whole products, no
    routes or settings. The day is the later of those since which the case holds the product, the
    event, and the fact that the rule asks for. Source: the table of GVP Module IX steps and the
    list of `case_review.toml`. Verified by hand and by retraction:
    `tests/detectors/test_case_review.py`.

    >>> from schemas.envelope import CodedEvent, CodedProduct
    >>> change = Change(
    ...     "case",
    ...     products=(CodedProduct("ketamine", "suspect", 730_000),),
    ...     events=(CodedEvent("Coma", 730_001), CodedEvent("Nausea", 730_000, fatal=730_004)),
    ... )
    >>> for held in reviewed(change, Lists({"ketamine"}, {"Coma"}, Listed("1", ()))):
    ...     print(held.rule, held.pair[2], held.day)
    designated_event Coma 730001
    fatal_unlisted Nausea 730004
    """
    found: list[Held] = []
    for product in change.products:
        # the most are not watched
        if product.name not in lists.watched or product.role not in COUNTED:
            continue
        if change.status in NOT_COUNTED:
            break
        for event in change.events:
            if event.name in lists.left_out:
                continue
            pair = (change.dataset, product.name, event.name)
            day = max(product.day, event.day)
            if event.name in lists.designated:
                found.append(Held("designated_event", pair, day))
            if event.fatal and not lists.listed.lists(product.name, product.route, event.name):
                found.append(Held("fatal_unlisted", pair, max(day, event.fatal)))
            if product.rechallenge:
                found.append(Held("positive_rechallenge", pair, max(day, product.rechallenge)))
    return tuple(found)


class Reviews:
    """Cases per pair and rule, of the newest version of every case.

    Changes of one case come in the order of their revisions, none twice (the casebook leaves those
    out); then the counts are a function of the newest versions alone.

    >>> reviews = Reviews()
    >>> pair = ("spontaneous", "ketamine", "Coma")
    >>> reviews.apply(1, (Held("designated_event", pair, 730_001),)) == {pair}
    True
    >>> reviews.counts(pair)["designated_event"]
    Count(n=1, day=730001, n_first=1)
    >>> reviews.apply(1, ()) == {pair}, reviews.counts(pair)["designated_event"].n
    (True, 0)
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[Held, ...]] = {}
        self._days: dict[tuple[str, Pair], dict[int, int]] = {}

    def apply(self, case_id: int, held: tuple[Held, ...]) -> Set[Pair]:
        """Put what a case satisfies now in the place of what it did; the pairs that this moves."""
        before = self._held.get(case_id, ())
        if held == before:
            return _NONE
        for one in before:
            days = self._days[one.rule, one.pair]
            del days[case_id]
            if not days:
                del self._days[one.rule, one.pair]
        for one in held:
            self._days.setdefault((one.rule, one.pair), {})[case_id] = one.day
        if held:
            self._held[case_id] = held
        else:
            self._held.pop(case_id, None)
        return {one.pair for one in (*before, *held)}

    def counts(self, pair: Pair) -> dict[str, Count]:
        """Of each rule."""
        return {name: self._count(self._days.get((name, pair), {})) for name in NAMES}

    def cases(self, pair: Pair) -> int:
        """How many cases satisfy a rule for a pair, or several."""
        return len({case for name in NAMES for case in self._days.get((name, pair), ())})

    def pairs(self) -> set[Pair]:
        """Every pair for which a case satisfies a rule."""
        return {pair for _, pair in self._days}

    def _count(self, days: dict[int, int]) -> Count:
        if not days:
            return Count()
        first = min(days.values())
        return Count(len(days), first, sum(day == first for day in days.values()))
