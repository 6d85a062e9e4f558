"""From a record's body to what counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.coding import Coding, code
from schemas.vocabulary import Vocabulary

DAY = 739_000


def coded(**body: Any) -> Coding:
    return code(Vocabulary.load(), body, DAY)


def test_a_product_named_twice_counts_once_in_its_strongest_role() -> None:
    found = coded(
        products=[
            {"name": "KETALAR", "role": "concomitant", "route": "oral", "setting": "home"},
            {"name": "ketamine HCl", "role": "suspect", "route": "IV", "setting": "clinic"},
            {"name": "Ketamine", "role": "interacting"},
        ]
    )
    (product,) = found.products
    assert (product.name, product.role, product.day) == ("ketamine", "suspect", DAY)
    assert (product.route, product.setting, product.matched) == ("intravenous", "clinic", True)


def test_a_route_given_beside_the_same_role_is_not_lost() -> None:
    found = coded(
        products=[
            {"name": "ketamine", "role": "suspect"},
            {"name": "ketamine", "role": "suspect", "route": "sublingual", "setting": "home"},
        ]
    )
    (product,) = found.products
    assert (product.route, product.setting) == ("sublingual", "home")


def test_a_role_that_is_not_said_is_unknown() -> None:
    assert coded(products=[{"name": "Spravato"}]).products[0].role == "unknown"


def test_an_event_named_twice_counts_once_with_its_groups() -> None:
    found = coded(reactions=[{"term": "CYSTITIS"}, {"term": "cystitis"}, {"term": "Odd thing"}])
    assert [(event.name, event.groups) for event in found.events] == [
        ("Cystitis", ("urinary",)),
        ("Odd thing", ()),
    ]
    assert (found.unknown_products, found.unknown_events) == (0, 1)
    assert coded(products=[{"name": "Aspirin"}, {"name": "Ketalar"}]).unknown_products == 1


@pytest.mark.parametrize(
    ("reaction", "serious", "fatal"),
    [
        ({}, False, False),
        ({"seriousness": ["hospitalisation"]}, True, False),
        ({"seriousness": ["hospitalisation", "death"]}, True, True),
        ({"outcome": "fatal"}, True, True),
        ({"outcome": "recovered"}, False, False),
    ],
)
def test_seriousness_follows_the_criteria_and_the_outcome(
    reaction: dict[str, Any], serious: bool, fatal: bool
) -> None:
    found = coded(reactions=[{"term": "Nausea"}, {"term": "Coma", **reaction}])
    assert (found.serious, found.fatal) == (serious, fatal)


@pytest.mark.parametrize(
    ("report_type", "dataset"),
    [
        ("solicited", "solicited"),
        ("study", "solicited"),
        ("spontaneous", "spontaneous"),
        ("other", "spontaneous"),
        (None, "spontaneous"),
    ],
)
def test_solicited_reports_are_a_dataset_of_their_own(
    report_type: str | None, dataset: str
) -> None:
    assert coded(report_type=report_type).dataset == dataset


def test_a_nullification_without_content_codes_to_nothing() -> None:
    assert coded() == Coding((), (), False, False, "spontaneous")


products = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["ketamine", "KETALAR", "Spravato", "Aspirin", "aspirin "]),
            "role": st.sampled_from(["suspect", "interacting", "unknown", "concomitant"]),
        }
    ),
    max_size=6,
)


@given(products, st.randoms(use_true_random=False))
def test_names_and_roles_do_not_depend_on_the_order_in_the_report(
    listed: list[dict[str, str]], random: Any
) -> None:
    mixed = list(listed)
    random.shuffle(mixed)

    def roles(given: list[dict[str, str]]) -> dict[str, str]:
        return {product.name: product.role for product in coded(products=given).products}

    assert roles(mixed) == roles(listed)


def test_a_reaction_is_fatal_by_its_own_outcome_or_seriousness() -> None:
    found = coded(
        reactions=[
            {"term": "Coma", "outcome": "recovered"},
            {"term": "Apnoea", "outcome": "fatal"},
            {"term": "Sepsis", "seriousness": ["death"]},
            {"term": "coma", "outcome": "fatal"},
            {"term": "Nausea", "seriousness": ["hospitalisation"]},
        ]
    )
    assert {event.name: event.fatal for event in found.events} == {
        "Coma": DAY,
        "Apnoea": DAY,
        "Sepsis": DAY,
        "Nausea": 0,
    }


def test_a_positive_rechallenge_of_any_mention_is_that_of_the_product() -> None:
    found = coded(
        products=[
            {"name": "Ketalar", "role": "suspect", "rechallenge": "negative"},
            {"name": "ketamine", "role": "concomitant", "rechallenge": "positive"},
            {"name": "Spravato", "role": "suspect", "rechallenge": "not_done"},
        ]
    )
    assert [(p.name, p.role, p.rechallenge) for p in found.products] == [
        ("ketamine", "suspect", DAY),
        ("esketamine", "suspect", 0),
    ]
