"""Background rates: what ships with the package, and what a user's file may not be."""

from __future__ import annotations

import math

import pytest

from detectors.followup.background import read
from detectors.followup.rates import rate
from schemas.errors import InputError
from schemas.vocabulary import Vocabulary

ENTRY = 'name = "x"\nevent = "Death"\npopulation = "all"\nsource = "ours"\n'
COUNT = "n = 3\nperson_time = 100\n"


def file(*entries: str, more: str = "") -> str:
    return "\n".join(f"[[rate]]\n{entry}" for entry in entries) + more


def test_the_default_of_an_event_is_what_would_show_a_signal_first() -> None:
    """The lowest of those it stands beside, of the patients that are treated here."""
    known = read()
    suicide = known.of("Completed suicide")
    assert suicide[0].name == "suicide_trd_claims"
    resistant = [one for one in suicide if "resistant" in one.population]
    assert min(one.value for one in resistant) == suicide[0].value
    cystitis = known.of("Cystitis interstitial")
    assert [one.name for one in cystitis] == [
        "interstitial_cystitis_county",
        "interstitial_cystitis_depressed_claims",
        "interstitial_cystitis_claims",
    ]
    assert min(one.value for one in cystitis) == cystitis[0].value


@pytest.mark.parametrize(
    ("name", "per", "expected"),
    [
        ("suicide_trd_claims", 100, 0.14),
        ("suicide_trd_trials", 100, 0.47),
        ("suicide_mdd_ideation_claims", 100, 0.27),
        ("suicide_mdd_claims", 100, 0.04),
        ("attempt_trd_trials", 100, 4.66),
        ("interstitial_cystitis_county", 100_000, 1.1),
        ("interstitial_cystitis_claims", 1_000, 0.29),
        ("interstitial_cystitis_depressed_claims", 1_000, 0.64),
        ("coronary_adults", 1_000, 1.25),
        ("stroke_adults", 1_000, 0.79),
        ("suicidality_sustain_3", 100, 0.74),
        ("pressure_rems", 100, 0.9),
        ("sedation_rems", 100, 34.7),
        ("dissociation_rems", 100, 41.0),
    ],
)
def test_counts_over_time_are_the_rates_of_the_sources(
    name: str, per: float, expected: float
) -> None:
    (found,) = [one for one in read().rates if one.name == name]
    digits = len(str(expected).partition(".")[2])
    assert round(found.value * per, digits) == expected


def test_a_count_is_as_wide_as_the_limits_that_it_stands_for() -> None:
    """By hand: log(1.00 / 0.22) = 1.5141, 3.9199 / 1.5141 = 2.5889, its square 6.7024."""
    (found,) = [one for one in read().rates if one.name == "suicide_trd_trials"]
    n, years = found.counted
    assert n == pytest.approx(6.7024, abs=1e-3)
    assert n / years == pytest.approx(0.0047)
    # exact limits of such a count lie about the published ones
    limits = rate(n, years)
    assert float(limits.lower) == pytest.approx(0.0022, rel=0.25)
    assert float(limits.upper) == pytest.approx(0.0100, rel=0.1)


def test_what_is_found_otherwise_is_not_compared() -> None:
    known = read()
    assert known.of("Blood pressure increased") == ()
    ((form, reason),) = known.refused("Blood pressure increased")
    assert form.name == "pressure_rems"
    assert reason == (
        "pressure_rems is a tick on the form of a risk programme, "
        "Blood pressure increased a measurement at a visit"
    )
    assert known.of("Lower urinary tract symptoms") == ()
    assert known.of("group:hepatic") == ()
    assert known.refused("Completed suicide") == ()


def test_a_rate_asked_for_by_name() -> None:
    known = read()
    assert known.named("death_sustain_3", "Death").n == 9
    for name, event, code in [
        ("none", "Death", "unknown_background"),
        ("death_sustain_3", "Sedation", "not_comparable"),
        ("sedation_rems", "Sedation", "not_comparable"),
    ]:
        with pytest.raises(InputError) as error:
            known.named(name, event)
        assert error.value.code == code


def test_every_rate_has_what_it_needs_and_every_event_a_default() -> None:
    known = read()
    for one in known.rates:
        n, person_time = one.counted
        assert math.isfinite(n / person_time)
        assert len(one.source) > 10
    pairs = {(one.event, one.found_as) for one in known.rates}
    assert {(one.event, one.found_as) for one in known.rates if one.default} == pairs
    assert all(one.unit == "patient-years" or one.found_as == "form" for one in known.rates)


def test_the_terms_of_groups_are_those_of_the_vocabulary() -> None:
    """Spelt as they are coded, or they would never be found."""
    vocabulary = Vocabulary.load()
    for term, groups in read().memberships().items():
        assert vocabulary.event(term).name == term
        assert len(groups) == 1


def test_a_users_file_takes_the_place_of_ours() -> None:
    known = read(file(ENTRY + COUNT, more='\n[found_as]\n"Sedation" = "form"\n'))
    assert [one.name for one in known.of("Death")] == ["x"]
    assert known.of("Completed suicide") == ()
    assert known.found_as == {"Sedation": "form"}
    assert known.groups == {}


@pytest.mark.parametrize(
    "text",
    [
        "rate = 3",
        "no toml at all",
        file(ENTRY),
        file(ENTRY + "n = 3\n"),
        file(ENTRY + COUNT + "rate = 0.1\n"),
        file(ENTRY + "rate = 0.1\nlower = 0.01\n"),
        file(ENTRY + "rate = 0.1\nlower = 0.2\nupper = 0.3\n"),
        file(ENTRY + "n = -1\nperson_time = 100\n"),
        file(ENTRY + "n = 1\nperson_time = 0\n"),
        file(ENTRY + COUNT + 'unit = "patients"\n'),
        file(ENTRY + COUNT + "unknown = 1\n"),
        file(ENTRY.replace("ours", " ") + COUNT),
        file(ENTRY.replace("Death", "") + COUNT),
        file(ENTRY + COUNT, ENTRY + COUNT),
        file(*(ENTRY.replace('"x"', f'"{i}"') + COUNT + "default = true\n" for i in range(2))),
        file(ENTRY.replace("Death", "group:own") + COUNT, more="\n[groups]\nown = []\n"),
    ],
)
def test_what_is_no_file_of_rates_is_refused(text: str) -> None:
    with pytest.raises(InputError) as error:
        read(text)
    assert error.value.code == "bad_background"
