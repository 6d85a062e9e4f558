"""Case review: what one case satisfies, and counts that follow from the newest versions alone."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.case_review import NAMES, RULES, Count, Held, Lists, Reviews, reviewed
from schemas.envelope import Change, CodedEvent, CodedProduct
from schemas.vocabulary.listed import Label, Listed

DAY = 739_000
LABEL = Label(
    "esketamine", frozenset({"intranasal"}), "", "2021", "", frozenset({"Sedation", "Nausea"})
)
LISTS = Lists(
    frozenset({"esketamine", "ketamine"}),
    frozenset({"Coma", "Apnoea"}),
    Listed("1", [LABEL]),
    frozenset({"Drug ineffective"}),
)


def change(*events: CodedEvent, role: str = "suspect", **product: str | int) -> Change:
    given = {"name": "esketamine", "role": role, "day": DAY, "route": "intranasal"} | product
    return Change("case", products=(CodedProduct(**given),), events=events)  # type: ignore[arg-type]


def said(one: Change) -> list[tuple[str, str, int]]:
    return [(held.rule, held.pair[2], held.day - DAY) for held in reviewed(one, LISTS)]


def test_a_designated_event_is_reviewed_from_the_first_suspect_case() -> None:
    assert said(change(CodedEvent("Coma", DAY + 2))) == [("designated_event", "Coma", 2)]
    assert said(change(CodedEvent("Cough", DAY))) == []


@pytest.mark.parametrize(
    ("role", "counts"),
    [("suspect", True), ("interacting", True), ("unknown", True), ("concomitant", False)],
)
def test_only_roles_that_count_are_reviewed(role: str, counts: bool) -> None:
    assert bool(said(change(CodedEvent("Coma", DAY), role=role))) is counts


def test_products_of_the_background_are_not_reviewed() -> None:
    assert said(change(CodedEvent("Coma", DAY, fatal=DAY), name="propofol", rechallenge=DAY)) == []


def test_a_fatal_case_is_reviewed_where_the_label_does_not_list_the_event() -> None:
    fatal = CodedEvent("Sedation", DAY, fatal=DAY + 3)
    assert said(change(fatal)) == []
    assert said(change(CodedEvent("Cough", DAY, fatal=DAY + 3))) == [("fatal_unlisted", "Cough", 3)]
    # by another route, or by one that is not known, the label says nothing
    for route in ("intravenous", ""):
        assert said(change(fatal, route=route)) == [("fatal_unlisted", "Sedation", 3)]
    assert said(change(fatal, name="ketamine")) == [("fatal_unlisted", "Sedation", 3)]


def test_what_was_not_fatal_is_not_unlisted_in_this_sense() -> None:
    assert said(change(CodedEvent("Cough", DAY))) == []


def test_a_positive_rechallenge_counts_for_every_event_of_the_case() -> None:
    events = (CodedEvent("Cough", DAY), CodedEvent("Sedation", DAY + 1))
    assert said(change(*events, rechallenge=DAY + 5)) == [
        ("positive_rechallenge", "Cough", 5),
        ("positive_rechallenge", "Sedation", 5),
    ]


def test_lack_of_effect_is_no_harm_and_groups_are_not_reviewed() -> None:
    ineffective = CodedEvent("Drug ineffective", DAY, ("efficacy",), fatal=DAY)
    assert said(change(ineffective, rechallenge=DAY)) == []


def test_a_nullified_case_satisfies_nothing() -> None:
    gone = msgspec.structs.replace(change(CodedEvent("Coma", DAY)), status="nullified")
    assert reviewed(gone, LISTS) == ()


def test_every_rule_says_in_words_what_it_is_and_whence() -> None:
    assert NAMES == ("designated_event", "fatal_unlisted", "positive_rechallenge")
    assert all(rule.title and rule.source for rule in RULES)


def test_the_count_says_since_when_and_with_how_many() -> None:
    reviews = Reviews()
    pair = ("spontaneous", "ketamine", "Coma")
    for case, day in ((1, DAY + 4), (2, DAY + 1), (3, DAY + 1)):
        reviews.apply(case, (Held("designated_event", pair, day),))
    assert reviews.counts(pair)["designated_event"] == Count(3, DAY + 1, 2)
    assert reviews.counts(pair)["fatal_unlisted"] == Count()
    reviews.apply(2, ())
    assert reviews.counts(pair)["designated_event"] == Count(2, DAY + 1, 1)
    reviews.apply(3, ())
    assert reviews.counts(pair)["designated_event"] == Count(1, DAY + 4, 1)


PAIRS = [(d, p, e) for d in ("spontaneous", "solicited") for p in "kp" for e in "xy"]
held = st.frozensets(
    st.builds(Held, st.sampled_from(NAMES), st.sampled_from(PAIRS), st.integers(DAY, DAY + 3)),
    max_size=3,
).map(lambda found: tuple({(one.rule, one.pair): one for one in sorted(found)}.values()))


@given(
    st.dictionaries(st.integers(1, 5), st.lists(held, min_size=1, max_size=4), max_size=5),
    st.randoms(use_true_random=False),
)
def test_counts_follow_from_the_newest_versions_in_any_order_of_cases(
    versions: dict[int, list[tuple[Held, ...]]], chance: random.Random
) -> None:
    """Each case goes through its versions, the cases in any mixture: as the last ones alone."""
    waiting = {case: list(listed) for case, listed in versions.items()}
    reviews = Reviews()
    moved: set[tuple[str, str, str]] = set()
    while waiting:
        case = chance.choice(sorted(waiting))
        one = waiting[case].pop(0)
        moved |= reviews.apply(case, one)
        assert reviews.apply(case, one) == set()  # the same again moves nothing
        if not waiting[case]:
            del waiting[case]
    alone = Reviews()
    for case, listed in versions.items():
        alone.apply(case, listed[-1])
    assert {pair: reviews.counts(pair) for pair in PAIRS} == {
        pair: alone.counts(pair) for pair in PAIRS
    }
    assert reviews.pairs() == alone.pairs() <= moved
    assert sum(count.n for pair in PAIRS for count in reviews.counts(pair).values()) == sum(
        len(listed[-1]) for listed in versions.values()
    )
