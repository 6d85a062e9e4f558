"""From a change to the rows it counts in."""

from __future__ import annotations

from detectors.coding import content
from schemas.envelope import Change, CodedEvent, CodedProduct


def change(*products: CodedProduct, events: tuple[CodedEvent, ...] = ()) -> Change:
    return Change("case", products=products, events=events, dataset="solicited")


def test_concomitant_products_do_not_count_unless_asked_for() -> None:
    made = change(
        CodedProduct("ketamine", "suspect", 5),
        CodedProduct("lithium", "interacting", 5),
        CodedProduct("ASPIRIN", "unknown", 6),
        CodedProduct("propofol", "concomitant", 7),
    )
    counted = content(made)
    assert counted is not None
    assert counted.products == (("ketamine", 5), ("lithium", 5), ("ASPIRIN", 6))
    all_roles = content(made, roles=frozenset({"concomitant"}))
    assert all_roles is not None
    assert all_roles.products == (("propofol", 7),)
    assert counted.dataset == "solicited"


def test_a_nullified_case_counts_nowhere() -> None:
    made = Change("case", status="nullified", products=(CodedProduct("ketamine", "suspect", 5),))
    assert content(made) is None


def test_a_group_counts_once_from_the_first_day_of_its_terms() -> None:
    made = change(
        events=(
            CodedEvent("Cystitis", 9, ("urinary",)),
            CodedEvent("Dysuria", 4, ("urinary",)),
            CodedEvent("Nausea", 3),
        )
    )
    counted = content(made)
    assert counted is not None
    assert counted.events == (("Cystitis", 9), ("Dysuria", 4), ("Nausea", 3), ("group:urinary", 4))


def test_only_watched_products_have_strata_and_only_those_that_are_given() -> None:
    made = change(
        CodedProduct("ketamine", "suspect", 5, "sublingual", "home"),
        CodedProduct("esketamine", "suspect", 6, "", "clinic"),
        CodedProduct("ASPIRIN", "suspect", 7, "oral", "home"),
        CodedProduct("norketamine", "concomitant", 7, "oral", "home"),
    )
    counted = content(made, strata_of=lambda product: product != "ASPIRIN")
    assert counted is not None
    assert counted.products == (
        ("ketamine", 5),
        ("ketamine @sublingual", 5),
        ("ketamine @home", 5),
        ("esketamine", 6),
        ("esketamine @clinic", 6),
        ("ASPIRIN", 7),
    )
