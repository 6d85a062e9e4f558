"""Event terms and their groups."""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import Coded, Vocabulary, designated_events
from tests.support import shared

VOCABULARY = Vocabulary.load()


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("DISSOCIATION", "Dissociation"),
        ("  cystitis   interstitial ", "Cystitis interstitial"),
        ("ELECTROCARDIOGRAM QT PROLONGED", "Electrocardiogram QT prolonged"),
        ("QT prolonged", "Electrocardiogram QT prolonged"),
        ("Apnea", "Apnoea"),
        ("hallucination, visual", "Hallucination, visual"),
        ("Depersonalization/Derealization Disorder", "Depersonalisation/derealisation disorder"),
        ("stevens-johnson syndrome", "Stevens-Johnson syndrome"),
    ],
)
def test_a_known_term_gets_its_spelling(sent: str, name: str) -> None:
    assert VOCABULARY.event(sent) == Coded(name, True)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("RASH MACULAR", "Rash macular"),
        ("covid-19", "COVID-19"),
        ("SARS-COV-2 TEST POSITIVE", "SARS-CoV-2 test positive"),
        ("HEPATITIS B", "Hepatitis B"),
        ("ph urine increased", "pH urine increased"),
        ("GUILLAIN-BARRE SYNDROME", "Guillain-Barre syndrome"),
        ("INFLUENZA LIKE ILLNESS", "Influenza like illness"),
        ("ductus arteriosus", "Ductus arteriosus"),
    ],
)
def test_another_term_keeps_its_words_and_only_the_capitals_that_are_listed(
    sent: str, name: str
) -> None:
    assert VOCABULARY.event(sent) == Coded(name, False)


@given(st.text())
def test_coding_a_coded_event_changes_nothing(term: str) -> None:
    once = VOCABULARY.event(term)
    assert VOCABULARY.event(once.name) == once


@given(st.text("abcdefghij XYZ-1'", min_size=1).filter(str.strip))
def test_case_never_makes_two_events(term: str) -> None:
    assert VOCABULARY.event(term.upper()) == VOCABULARY.event(term.lower())


def test_public_terms_come_out_as_the_agency_writes_them() -> None:
    with shared("data/faers_2025q3/reports.csv").open() as file:
        terms = {term for row in csv.DictReader(file) for term in row["pts"].split("|")}
    assert len(terms) > 2000
    synonyms = {"Depersonalisation", "Apnea"}
    changed = {term for term in terms if VOCABULARY.event(term.upper()).name != term}
    assert changed <= synonyms


def test_a_group_holds_its_narrow_terms_and_shows_the_broad_ones_when_asked() -> None:
    narrow, wide = VOCABULARY.groups(), VOCABULARY.groups(broad=True)
    assert "Cystitis interstitial" in narrow["urinary"]
    assert "Renal failure" not in narrow["urinary"]
    assert "Renal failure" in wide["urinary"]
    assert VOCABULARY.groups_of("Cystitis interstitial") == ("urinary",)
    assert VOCABULARY.groups_of("Renal failure") == ()
    assert VOCABULARY.groups_of("Rash macular") == ()


def test_context_terms_are_known_and_make_no_group() -> None:
    assert VOCABULARY.event("drug ineffective") == Coded("Drug ineffective", True)
    assert VOCABULARY.groups_of("Drug ineffective") == ()
    assert "efficacy_context" not in VOCABULARY.groups(broad=True)


def test_the_groups_are_those_of_the_reference() -> None:
    expected: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with shared("reference/event_groups.csv").open() as file:
        for row in csv.DictReader(file):
            expected[row["scope"]][row["group"]].append(row["preferred_term"])
    assert VOCABULARY.groups() == {g: tuple(terms) for g, terms in expected["narrow"].items()}
    assert len({group for scope in expected.values() for group in scope}) == 14


def test_events_reviewed_from_the_first_case_are_known_terms() -> None:
    assert len(designated_events()) == 30
    assert {"Completed suicide", "Torsade de pointes", "Contracted bladder"} <= designated_events()
    assert all(VOCABULARY.event(term) == Coded(term, True) for term in designated_events())
