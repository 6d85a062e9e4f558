"""Evidence against backgrounds: equal to the steps, and by hand over a small cohort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cohort import Cohort
from detectors.followup import background, protocol
from detectors.followup.content import CourseContent, Event
from detectors.followup.evidence import (
    against_background,
    against_backgrounds,
    between_arms,
    runs,
)
from detectors.followup.exposure import Stratum
from detectors.followup.rates import rate_ratio
from detectors.followup.spells import Spell
from detectors.scope import Scope
from detectors.sequential.eprocess_background import (
    Look,
    Parameters,
    Reference,
    batch,
    eprocess_background,
)
from schemas.errors import InputError

OPENED = 739_617  # 1 January 2026
BACKGROUNDS = background.read()


def course(setting: str, days: int, *events: Event, product: str = "ketamine") -> CourseContent:
    return CourseContent(
        "r",
        contact=OPENED + 2_000,
        strata=(Stratum(product, "", setting),),
        spells=(Spell(OPENED - 10, OPENED - 10 + days, 1, 0, 1),),
        events=events,
    )


def cohort(*courses: CourseContent) -> Cohort:
    return Cohort.of((i, 1, content) for i, content in enumerate(courses))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), looks=st.integers(1, 12), pairs=st.integers(0, 5))
def test_evidence_is_that_of_the_steps(seed: int, looks: int, pairs: int) -> None:
    rng = np.random.default_rng(seed)
    time = rng.exponential(1, (looks, pairs)) * (rng.random((looks, pairs)) < 0.8)
    n = rng.poisson(1.5 * time + 0.05).astype(float)
    past = np.floor(rng.exponential(20, pairs)), rng.exponential(20, pairs) + 0.1
    found = against_background(n, time, *past)
    whole = batch(Reference(*past), Look(n, time))
    np.testing.assert_allclose(found.log_e, whole.log_e[-1], atol=1e-9)
    np.testing.assert_allclose(found.log_e_sup, whole.log_e_sup[-1], atol=1e-9)


@pytest.mark.parametrize("bad", [Parameters(margin=0.5), Parameters(calibrator=2)])
def test_parameters_that_are_none_are_refused(bad: Parameters) -> None:
    with pytest.raises(InputError) as error:
        against_background([[1]], [[1]], [1], [1], bad)
    assert error.value.code == "bad_parameter"


def test_a_cohort_against_its_backgrounds_by_hand() -> None:
    """Two deaths in 731 days of ketamine, none in 366 of esketamine; 9 in 3,777 years before."""
    held = cohort(
        course("home", 400, Event("Death", OPENED + 100)),  # 111 days at risk
        course("home", 400, Event("Death", OPENED + 209)),  # 220
        course("clinic", 400),
        course("clinic", 366, product="esketamine"),
    )
    found = against_backgrounds(held, Scope(OPENED + 1_000, 0), BACKGROUNDS, events=["Death"])
    assert found.row == (("esketamine",), ("ketamine",))
    assert found.background == ("death_sustain_3",) * 2
    assert found.default.all()
    assert found.n.tolist() == [0, 2]
    np.testing.assert_allclose(found.years * 365.25, [366, 731])
    np.testing.assert_allclose(found.expected, found.years * 9 / 3_777)
    np.testing.assert_allclose(
        np.array(found.ratio)[:, 1], np.array(rate_ratio(2, 731 / 365.25, 9, 3_777))
    )
    np.testing.assert_allclose(found.rate.estimate[1], 2 / 731 * 365.25)
    np.testing.assert_allclose(found.difference.estimate[1], 2 / 731 * 365.25 - 9 / 3_777)
    now = eprocess_background([0, 2], found.years, 9, 3_777)
    np.testing.assert_allclose(found.evidence.log_e, now, atol=1e-9)
    # the highest was on the day of the second death
    days = 2 * 220 - (220 - 111) + 220
    np.testing.assert_allclose(
        found.evidence.log_e_sup[1], eprocess_background(2, days / 365.25, 9, 3_777), atol=1e-9
    )


def test_alternatives_stand_side_by_side_and_what_differs_does_not() -> None:
    held = cohort(course("clinic", 300, Event("Completed suicide", OPENED + 5)))
    found = against_backgrounds(
        held, Scope(OPENED + 400, 0), BACKGROUNDS, ("product", "setting"),
        events=["Completed suicide", "Sedation", "Haematuria"],
    )  # fmt: skip
    assert set(found.event) == {"Completed suicide"}
    assert found.row[0] == ("ketamine", "clinic")
    assert found.background[0] == "suicide_trd_claims"
    assert found.default.tolist() == [True, False, False, False]
    assert len(found) == 4
    # the lower background makes the same cohort look worse
    ratio = dict(zip(found.background, found.ratio.estimate, strict=True))
    assert ratio["suicide_trd_claims"] > ratio["suicide_trd_trials"]
    every = against_backgrounds(held, Scope(OPENED + 400, 0), BACKGROUNDS)
    assert {"Death", "group:stroke", "Cystitis interstitial"} <= set(every.event)
    assert "Sedation" not in every.event


def test_without_person_time_there_is_no_rate_and_no_evidence() -> None:
    held = cohort(course("clinic", 300))
    found = against_backgrounds(held, Scope(OPENED - 50, 0), BACKGROUNDS, events=["Death"])
    assert found.years.tolist() == [0]
    assert np.isnan(found.rate.estimate).all()
    assert found.evidence.log_e_sup.tolist() == [0]
    assert len(against_backgrounds(cohort(), Scope(OPENED, 0), BACKGROUNDS)) == 0


def test_arms_of_the_protocol() -> None:
    """Since the opening: 40 deaths in 1 + 2 + … + 40 days at home, one in 4,941 in the clinic."""
    (test,) = [t for t in protocol.read(BACKGROUNDS).arms if t.name == "ketamine_home_clinic"]
    home = [course("home", 400, Event("Death", OPENED + i)) for i in range(40)]
    early = [course("home", 400, Event("Death", OPENED - 3))]
    clinic = [course("clinic", 400, Event("Death", OPENED + 100))] + [course("clinic", 400)] * 40
    found = between_arms(
        cohort(*home, *early, *clinic), Scope(OPENED + 120, 0), test, ["Death", "Haematuria"]
    )
    assert found.arms.strata == (("1-8", "", ""),)
    days = found.arms.look.exposure[..., 0].sum() * 365.25
    assert days == pytest.approx(40 * 41 / 2)
    ratio = (40 / days) / (1 / (101 + 40 * 121))
    assert float(found.ratio.estimate[0]) == pytest.approx(ratio)
    assert np.isnan(found.ratio.estimate[1])
    assert found.evidence.log_e_sup[-1, 0] > np.log(20)
    assert found.evidence.log_e_sup[-1, 1] == 0
    assert found.evidence.log_e.shape == (121, 2)


def test_runs_of_the_protocol_by_stratum() -> None:
    """Fifty deaths at home within the first weeks; what lay before the opening does not count."""
    (test,) = [t for t in protocol.read(BACKGROUNDS).poisson if t.by]
    early = [course("home", 400, Event("Death", OPENED - 5)) for _ in range(9)]
    late = [course("home", 400, Event("Death", OPENED + i)) for i in range(50)]
    found = runs(cohort(*early, *late), Scope(OPENED + 60, 0), test, BACKGROUNDS)
    (home,), (clinic,) = found["home"], found["clinic"]
    assert (home.end, clinic.end) == ("signal", "running")
    assert clinic.n == clinic.expected == 0
    # by hand: a death a day from day 0, so 50, 99, 147 days at risk by days 0, 1 and 2
    days = np.cumsum(50 - np.arange(60))
    assert home.n == home.last + 1
    np.testing.assert_allclose(home.expected, days[home.last] / 365.25 * 9 / 3_777 * 1.25)
    assert home.n >= test.min_events


def test_a_run_over_the_whole_product() -> None:
    (test, *_) = [t for t in protocol.read(BACKGROUNDS).poisson if t.event == "Death"]
    assert not test.by
    found = runs(cohort(course("clinic", 90, product="esketamine")), Scope(OPENED + 60, 0), test,
                 BACKGROUNDS)  # fmt: skip
    ((run,),) = found.values()
    np.testing.assert_allclose(run.expected, 61 / 365.25 * 9 / 3_777 * 1.25)
    assert (run.first, run.last, run.end, run.n) == (0, 60, "running", 0)
