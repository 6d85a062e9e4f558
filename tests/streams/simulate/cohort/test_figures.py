"""The figures are complete and consistent: shares add up, names exist."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from schemas.vocabulary import Vocabulary
from streams.simulate.cohort.cohort import simulate
from streams.simulate.cohort.figures import Arm, Figures, figures, harms
from streams.simulate.cohort.plan import Plan


@pytest.mark.parametrize("arm", figures().arm, ids=lambda arm: arm.name)
def test_an_arm_s_shares_add_up_and_its_names_are_known(arm: Arm) -> None:
    for shares in (arm.indications, arm.intervals, arm.dose_mg, arm.dose_minutes):
        assert not shares or sum(shares.values()) == pytest.approx(1)
    vocabulary = Vocabulary.load()
    assert {vocabulary.product(name).name for name in arm.names} == {arm.product}
    assert vocabulary.route(arm.route) == arm.route
    facts = figures()
    assert set(arm.mood) <= facts.mood.scale.keys()
    assert set(arm.urinary) <= facts.urinary.scale.keys()
    assert set(arm.cognition) <= {test.instrument for test in facts.test}
    if arm.induction:
        assert (arm.mg_per_kg is None) == bool(arm.dose_mg)
        for offsets in arm.induction:
            assert offsets[0] == 0
            assert min(b - a for a, b in pairwise(offsets)) >= 2
    else:
        assert arm.leave_a_year > 0


def test_the_other_shares_add_up() -> None:
    facts = figures()
    assert sum(facts.stay.reasons.values()) == pytest.approx(1)
    assert sum(facts.acute.deeper) == pytest.approx(1)
    assert sum(facts.patients.metaboliser) == pytest.approx(1)


def test_harms_name_arms_that_there_are_and_terms_that_are_known() -> None:
    names = {arm.name for arm in figures().arm}
    vocabulary = Vocabulary.load()
    for harm in harms().values():
        assert set(harm.arms) <= names
        assert vocabulary.event(harm.event).matched


def test_a_figure_that_nothing_reads_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `more`"):
        msgspec.convert(msgspec.to_builtins(figures()) | {"more": 1}, Figures)


@pytest.mark.parametrize("name", list(figures().pressure.rise))
def test_crises_are_as_frequent_as_the_planted_harm_takes_them_to_be(name: str) -> None:
    cohort = simulate(Plan(8_000, 33, 7, entry=0.0, arms={name: 1.0}), amiss_too=False)
    stated = figures().pressure.rise[name].crisis
    assert cohort.pressures.crisis.mean() == pytest.approx(stated, rel=0.12)
