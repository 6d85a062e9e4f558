"""The file of a family: read, coded, refused where it is none."""

from __future__ import annotations

import pytest

from detectors.families import coded, read
from schemas.errors import InputError
from schemas.vocabulary import Vocabulary, Watchlist

FILE = """
name = "own"
opened = "2026-02-01"
alpha = 0.1
margin = 1.5
events = ["SEIZURE", "Cough"]
groups = ["urinary"]
"""


def test_the_shipped_family_is_fixed_dated_and_a_few_hundred_pairs() -> None:
    plan = read()
    assert (plan.alpha, plan.margin) == (0.05, 1.25)
    assert plan.opened >= "2026-01-01"
    family = plan.over(Watchlist.load().products)
    assert 200 <= family.size <= 500
    vocabulary = Vocabulary.load()
    terms = {event: vocabulary.event(event).name for event in plan.events if ":" not in event}
    assert terms == {event: event for event in terms}
    assert all(vocabulary.event(event).matched for event in terms)
    assert coded(plan, terms, vocabulary.groups()) == plan


def test_a_file_names_events_as_sent_and_groups_by_name() -> None:
    plan = coded(read(FILE), {"SEIZURE": "Seizure"}, ["urinary"])
    assert plan.events == ("Seizure", "Cough", "group:urinary")
    family = plan.over(["b", "a"], "own: b")
    assert (family.name, family.products, family.size) == ("own: b", ("a", "b"), 6)
    assert (family.alpha, plan.margin, plan.opened) == (0.1, 1.5, "2026-02-01")


def test_the_digest_is_of_all_that_it_says_but_the_order() -> None:
    first = read(FILE).digest()
    assert read(FILE.replace('"SEIZURE", "Cough"', '"Cough", "SEIZURE"')).digest() == first
    for old, new in (("0.1", "0.2"), ("1.5", "1.25"), ("Cough", "Coma"), ("02-01", "02-02")):
        assert read(FILE.replace(old, new)).digest() != first


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("alpha = 0.1", "alpha = 1.5", "alpha must lie between 0 and 1"),
        ("margin = 1.5", "margin = 0.5", "the margin must be 1 or more"),
        ("margin = 1.5", "", "margin"),
        ("opened = ", "since = ", "since"),
        ('"2026-02-01"', '"lately"', "lately"),
        ('"SEIZURE", "Cough"', '"Cough", "Cough"', "each once"),
        ("name =", "name", "not a file of a family"),
    ],
)
def test_a_file_that_is_no_family_is_refused(old: str, new: str, said: str) -> None:
    assert old in FILE
    with pytest.raises(InputError, match=said) as caught:
        read(FILE.replace(old, new))
    assert caught.value.code == "bad_family"


def test_a_group_that_the_vocabulary_has_not_is_refused() -> None:
    with pytest.raises(InputError, match="no group:urinary") as caught:
        coded(read(FILE), {}, ["hepatic"])
    assert caught.value.code == "bad_family"


def test_two_events_that_are_coded_to_one_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        coded(read(FILE), {"SEIZURE": "Cough"}, ["urinary"])
    assert caught.value.code == "bad_family"
