"""What a plan permits, and that its draws do not disturb each other."""

from __future__ import annotations

import pytest

from schemas.errors import InputError
from streams.simulate.cohort.figures import figures, harms
from streams.simulate.cohort.plan import LEVELS, Plan, plants


@pytest.mark.parametrize(
    "plan",
    [
        {"courses": 0},
        {"days": 0},
        {"seed": -1},
        {"entry": 1.5},
        {"arms": {"homeopathy": 1.0}},
        {"arms": {"esketamine": 0.0}},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: dict[str, object]) -> None:
    with pytest.raises(InputError) as refused:
        Plan(**plan)  # type: ignore[arg-type]
    assert refused.value.code == "bad_plan"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("gout=weak", "unknown_harm"),
        ("gout", "unknown_harm"),
        ("cystitis", "bad_strength"),
        ("cystitis=", "bad_strength"),
        ("cystitis=very", "bad_strength"),
        ("cystitis=0.5", "bad_strength"),
        ("cystitis=nan", "bad_strength"),
        ("cystitis=inf", "bad_strength"),
        ("cognition=-1", "bad_strength"),
    ],
)
def test_a_harm_that_cannot_be_planted_is_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as refused:
        plants([text])
    assert refused.value.code == code


def test_a_plan_refuses_what_the_command_refuses() -> None:
    with pytest.raises(InputError) as refused:
        Plan(plants={"gout": 2.0})
    assert refused.value.code == "unknown_harm"


@pytest.mark.parametrize("name", list(harms()))
def test_each_harm_has_three_strengths_by_name_and_any_by_number(name: str) -> None:
    harm = harms()[name]
    found = [plants([f"{name}={level}"])[name] for level in LEVELS]
    assert found == list(harm.strengths) == sorted(set(harm.strengths))
    assert found[0] > harm.none
    assert plants([f"{name}={harm.none}"]) == {name: harm.none}
    assert Plan().strength(name) == harm.none
    assert Plan(plants=plants([f"{name}=weak"])).strength(name) == found[0]


def test_arms_are_weighed_by_their_shares_or_as_asked() -> None:
    shares = [share for _, share in Plan().treatments]
    assert sum(shares) == pytest.approx(1)
    assert sum(arm.share for arm in figures().arm) == pytest.approx(1)
    asked = Plan(arms={"oral": 1, "infusion": 3}).treatments
    assert [(arm.name, share) for arm, share in asked] == [("infusion", 0.75), ("oral", 0.25)]


def test_draws_depend_on_the_seed_and_the_thing_alone() -> None:
    one = Plan(seed=5).draws("age").random(3).tolist()
    assert Plan(seed=5, courses=7, plants={"misuse": 4.0}).draws("age").random(3).tolist() == one
    assert Plan(seed=6).draws("age").random(3).tolist() != one
    assert Plan(seed=5).draws("sex").random(3).tolist() != one
