"""Products: which names are one substance, and which only look alike."""

from __future__ import annotations

import csv
from collections import Counter
from timeit import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import Coded, Vocabulary
from tests.support import shared

VOCABULARY = Vocabulary.load()


@pytest.mark.parametrize(
    ("substance", "names"),
    [
        (
            "ketamine",
            "KETAMINE|Ketalar|KETAMINE HCL|ketamine hydrochloride|KETAMINE HCL 50 MG/ML INJ|"
            "ketamine (troche)|Kétamine|racemic ketamine|(R,S)-ketamine|(±)-ketamine|ketemine|"
            "ketamine, compounded, nasal spray 150 mg/mL|Ketamine 10%|ketamine 1,000 mg|Imalgene|"
            "Vetalar|KETAMINE HYDROCHLORIDE INJECTION (SDZ)|ketamine  sublingual tablet 100mg",
        ),
        (
            "esketamine",
            "SPRAVATO|Spravato 56 mg nasal spray|56MG SPRAVATO|ESKETAMINE HYDROCHLORIDE|S-KETAMINE|"
            "(S)-Ketamine|S(+)-ketamine|(S)-(+)-ketamine hydrochloride|Ketanest S|Ketanest-S|"
            "Esketamin|Esketamina|ESKETAMINE 28 MG/0.2 ML|s\u2011ketamine|33643-46-8|N06AX27",
        ),
        ("arketamine", "R-ketamine|(R)-ketamine|R(-)-ketamine|ARKETAMINE HCL"),
        (
            "ketamine (ambiguous)",
            "Ketanest|KETANEST 25 mg/ml|L-ketamine|(+)-ketamine|(-)-ketamine|Kataved",
        ),
        ("norketamine", "norketamine|NOR-KETAMINE"),
        ("hydroxynorketamine", "(2R,6R)-hydroxynorketamine|2R,6R-HNK"),
        ("deschloroketamine", "DCK|2'-oxo-PCM|DESCHCLOROKETAMINE|deschloro ketamine"),
        ("2-fluorodeschloroketamine", "2-FDCK|2 FDCK|2F-ketamine|2-Fl-2'-oxo-PCM"),
        ("methoxetamine", "MXE|Methoxetamine"),
        (
            "dextromethorphan-bupropion",
            "Auvelity|DEXTROMETHORPHAN\\BUPROPION|dextromethorphan-bupropion|"
            "DEXTROMETHORPHAN HYDROBROMIDE\\BUPROPION HYDROCHLORIDE|bupropion/dextromethorphan",
        ),
        ("lithium", "LITHIUM CARBONATE|Lithium|lithium citrate"),
        ("venlafaxine", "Effexor XR 150mg|VENLAFAXINE HYDROCHLORIDE"),
        ("valproate", "sodium valproate|DIVALPROEX SODIUM|valproic acid"),
    ],
)
def test_spellings_salts_strengths_and_forms_are_one_substance(substance: str, names: str) -> None:
    coded = {name: VOCABULARY.product(name) for name in names.split("|")}
    assert coded == dict.fromkeys(coded, Coded(substance, True))


@pytest.mark.parametrize(
    "name",
    [
        "dexketoprofen",
        "ketanserin",
        "ketotifen",
        "ketorolac",
        "ticket alarm",
        "ticketalarm",
        "marketamine",
        "ketamine/propofol",
        "KETAMINE\\MIDAZOLAM",
        "ketamine and s-ketamine",
        "esketamine or placebo",
        "no ketamine",
        "ketamine analog",
        "6-ketamine",
        "fluoxetine/naltrexone",
        "sodium chloride",
        "HCL",
        "50 mg",
        "10",
        "%",
    ],
)
def test_what_only_looks_like_a_substance_stays_as_sent(name: str) -> None:
    assert VOCABULARY.product(name) == Coded(name.upper(), False)


def test_an_analog_never_folds_into_ketamine() -> None:
    analogs = "norketamine|DCK|2-FDCK|2F-ketamine|O-PCE|MXE|HXE|DMXE|tiletamine|methoxpropamine"
    names = {VOCABULARY.product(name).name for name in analogs.split("|")}
    assert names.isdisjoint({"ketamine", "esketamine", "arketamine", "ketamine (ambiguous)"})
    assert {VOCABULARY.substance_class(name) for name in names} == {"analog"}


def test_case_and_white_space_of_a_background_product_do_not_matter() -> None:
    sent = ["Fluconazole", "FLUCONAZOLE", " fluconazole\t", "ROTAVIRUS  (ROTASHIELD)"]
    assert [VOCABULARY.product(name).name for name in sent] == [
        "FLUCONAZOLE",
        "FLUCONAZOLE",
        "FLUCONAZOLE",
        "ROTAVIRUS (ROTASHIELD)",
    ]


@given(st.text())
def test_coding_a_coded_product_changes_nothing(name: str) -> None:
    once = VOCABULARY.product(name)
    assert VOCABULARY.product(once.name) == once


@given(
    st.sampled_from(["ketamine", "Spravato", "2-FDCK", "Ketanest"]), st.text("abcxyz", min_size=1)
)
def test_letters_grown_onto_a_name_make_it_another(name: str, letters: str) -> None:
    grown = VOCABULARY.product(name + letters)
    assert grown.name != VOCABULARY.product(name).name


def test_classes_tell_comparators_apart() -> None:
    classes = Counter(
        VOCABULARY.substance_class(VOCABULARY.product(name).name)
        for name in ("Prozac", "Cymbalta", "Elavil", "Nardil", "Diprivan", "Xanax", "Eskalith")
    )
    assert set(classes) == {
        "ssri",
        "snri",
        "tca",
        "maoi",
        "anaesthetic",
        "benzodiazepine",
        "mood_stabiliser",
    }
    assert VOCABULARY.substance_class("FLUCONAZOLE") is None


def test_a_name_seen_before_is_looked_up_a_million_times_a_second() -> None:
    VOCABULARY.product("SPRAVATO")
    seconds = min(timeit(lambda: VOCABULARY.product("SPRAVATO"), number=100_000) for _ in range(5))
    assert seconds < 0.1


def test_the_public_sample_has_32_cases_of_esketamine() -> None:
    with shared("data/faers_2025q3/reports.csv").open() as file:
        coded = Counter(VOCABULARY.product(row["drugname"]).name for row in csv.DictReader(file))
    assert coded["esketamine"] == 32
    assert not any(coded[name] for name in ("ketamine", "arketamine", "ketamine (ambiguous)"))
