"""Listedness: a versioned table of labels, which a deployment may replace."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.vocabulary import Listed, Vocabulary, designated_events

LABEL = """
version = "3"

[[label]]
product = "SPRAVATO"
title = "t"
date = "2024-12-12"
source = "s"
routes = ["intranasal"]
terms = ["SEIZURE", "fatigue"]

[[label]]
product = "Ketalar"
title = "t"
date = "2020"
source = "s"
terms = ["Fatigue"]
"""


def test_the_warnings_of_the_esketamine_label_are_listed_by_its_route_alone() -> None:
    listed = Listed.load()
    for event in (
        "Sedation",
        "Dissociation",
        "Respiratory depression",
        "Drug abuse",
        "Suicidal ideation",
        "Blood pressure increased",
        "Cognitive disorder",
        "Impaired driving ability",
        "Cystitis interstitial",
        "Foetal exposure during pregnancy",
    ):
        assert listed.lists("esketamine", "intranasal", event), event
        assert not listed.lists("esketamine", "intravenous", event)
        assert not listed.lists("esketamine", "", event)
    assert not listed.lists("esketamine", "intranasal", "Hydronephrosis")


def test_nothing_is_listed_for_racemic_ketamine_and_the_table_says_so() -> None:
    listed = Listed.load()
    (label,) = listed.of("ketamine")
    assert (label.title, label.terms) == ("Ketamine: no label read", frozenset())


def test_every_label_names_a_substance_of_the_vocabulary_and_its_source() -> None:
    vocabulary = Vocabulary.load()
    for label in Listed.load().labels:
        assert vocabulary.product(label.product) == (label.product, True)
        assert label.title
        assert label.source
        assert all(vocabulary.event(term).name == term for term in label.terms)


def test_a_file_replaces_the_table_with_names_as_sent(tmp_path: Path) -> None:
    path = tmp_path / "listed.toml"
    path.write_text(LABEL)
    listed = Listed.load(path)
    assert listed.version == "3"
    assert listed.lists("esketamine", "intranasal", "Seizure")
    assert not listed.lists("esketamine", "intranasal", "Sedation")
    # a label without routes is for all of them
    assert listed.lists("ketamine", "oral", "Fatigue")
    assert listed.lists("ketamine", "", "Fatigue")


def test_the_digest_is_of_what_is_listed_and_not_of_its_order(tmp_path: Path) -> None:
    path = tmp_path / "listed.toml"
    path.write_text(LABEL)
    first = Listed.load(path).digest()
    path.write_text(LABEL.replace('"SEIZURE", "fatigue"', '"Fatigue", "Seizure"'))
    assert Listed.load(path).digest() == first
    for change in (
        ('"3"', '"4"'),
        ("fatigue", "Cough"),
        ("2024-12-12", "2025"),
        ("nasal", "venous"),
    ):
        path.write_text(LABEL.replace(*change))
        assert Listed.load(path).digest() != first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("version = 3", "not valid"),
        (LABEL.replace('"intranasal"', '"by ear"'), "no route by ear"),
        (LABEL.replace("terms", "words"), "not valid"),
    ],
)
def test_a_file_that_is_no_table_of_labels_is_refused(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "listed.toml"
    path.write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        Listed.load(path)
    assert caught.value.code == "vocabulary_invalid"


def test_a_file_replaces_the_list_of_designated_events(tmp_path: Path) -> None:
    path = tmp_path / "events.toml"
    path.write_text('events = ["COMA", "Fetal exposure during pregnancy"]')
    assert designated_events(path) == {"Coma", "Foetal exposure during pregnancy"}
    path.write_text('event = ["x"]')
    with pytest.raises(InputError) as caught:
        designated_events(path)
    assert caught.value.code == "vocabulary_invalid"
