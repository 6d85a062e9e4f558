"""The shipped controls: enough of them, each with its reason, none among the known reactions."""

from __future__ import annotations

import csv

import pytest

from detectors.calibration.controls import negative_controls, reference_outcomes
from schemas.errors import InputError
from schemas.vocabulary.vocabulary import Vocabulary
from tests.support import shared

SETS = ("ketamine", "esketamine", "antidepressants", "anaesthetics", "lithium")


@pytest.mark.parametrize("products", SETS)
def test_thirty_and_more_for_every_set_of_products(products: str) -> None:
    controls = negative_controls(products)
    assert len(controls) >= 30
    assert all(len(control.reason) > 3 for control in controls)
    assert all(control.because for control in controls if len(control.sets) < len(SETS))


def test_an_exception_leaves_the_others() -> None:
    bites = {control.event: control for control in negative_controls()}
    assert "lithium" not in bites["Carpal tunnel syndrome"].sets
    assert "ketamine" in bites["Carpal tunnel syndrome"].sets
    assert "Carpal tunnel syndrome" not in {c.event for c in negative_controls("lithium")}


def test_no_control_is_a_reaction_that_is_watched() -> None:
    vocabulary = Vocabulary.load()
    assert [c.event for c in negative_controls() if vocabulary.groups_of(c.event)] == []


def test_no_control_is_a_positive_outcome() -> None:
    positive = {
        term
        for name, terms in reference_outcomes().items()
        if name != "carcinogen"  # not of these products
        for term in terms
    }
    assert {control.event for control in negative_controls()} & positive == set()


def test_every_outcome_of_the_reference_sets_is_mapped() -> None:
    with shared("data/reference_sets/unified_controls.csv").open(newline="") as file:
        names = {row["event"] for row in csv.DictReader(file)}
    assert len(names) > 60
    assert names == set(reference_outcomes())


def test_terms_are_names_and_stand_once() -> None:
    for terms in reference_outcomes().values():
        assert terms
        assert len(set(terms)) == len(terms)
        assert all(term[0].isupper() and term == term.strip() for term in terms)


def test_most_terms_are_in_the_public_reports() -> None:
    with shared("data/faers_2025q3/reports.csv").open(newline="") as file:
        seen = {term for row in csv.DictReader(file) for term in row["pts"].split("|")}
    controls = [control.event for control in negative_controls()]
    terms = {term for terms in reference_outcomes().values() for term in terms}
    assert sum(event in seen for event in controls) >= 0.6 * len(controls)
    assert sum(term in seen for term in terms) >= 0.6 * len(terms)


def control(*lines: str) -> str:
    return "\n".join(['sets = ["a", "b"]', "[[control]]", *lines])


@pytest.mark.parametrize(
    "text",
    [
        "sets = [",
        "sets = ['a']",
        control('event = "Scabies"'),
        control('event = "Scabies"', 'reason = "mites"', 'except = ["c"]', 'because = "no"'),
        control('event = "Scabies"', 'reason = "mites"', 'except = ["a"]'),
        control(
            *('event = "Scabies"', 'reason = "mites"'),
            *("[[control]]", 'event = "scabies"', 'reason = "mites"'),
        ),
    ],
)
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError) as error:
        negative_controls(text=text)
    assert error.value.code == "bad_controls"


def test_a_users_own_list() -> None:
    own = control('event = "Scabies"', 'reason = "mites"', 'except = ["a"]', 'because = "so"')
    assert [c.event for c in negative_controls("b", own)] == ["Scabies"]
    assert negative_controls("a", own) == ()
    with pytest.raises(InputError, match="none of a, b") as error:
        negative_controls("c", own)
    assert error.value.code == "unknown_set"
