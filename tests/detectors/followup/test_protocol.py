"""The protocol: what ships with the package, and what a user's file may not be."""

from __future__ import annotations

from datetime import date

import pytest

from detectors.followup import background, sprt
from detectors.followup.protocol import read
from schemas.errors import InputError

POISSON = """
[[poisson]]
name = "a"
opened = 2026-01-01
product = "p"
event = "Death"
background = "death_sustain_3"
horizon = 10
min_events = 3
"""
INTERVAL = """
[[interval]]
name = "b"
opened = 2026-01-01
products = ["p"]
event = "group:stroke"
risk = [0, 1]
control = [2, 6]
horizon = 40
min_events = 3
"""
ARMS = """
[[arms]]
name = "c"
opened = 2026-01-01
own = { setting = "home" }
other = { setting = "clinic" }
strata = ["sessions"]
"""


def test_the_shipped_tests_are_dated_comparable_and_can_signal() -> None:
    protocol = read(background.read())
    assert {test.opened for test in protocol.poisson} == {date(2026, 1, 1)}
    assert {one.opened for one in protocol.arms} == {date(2026, 1, 1)}
    assert all("sessions" in one.strata for one in protocol.arms)
    assert {one.opened for one in protocol.interval} == {date(2026, 1, 1)}
    for test in protocol.poisson:
        (run,) = sprt.poisson([0], [0], horizon=test.horizon, alpha=test.split_alpha,
                              min_events=test.min_events)  # fmt: skip
        assert run.end == "running"
    for one in protocol.interval:
        (run,) = sprt.binomial([0], [0], ratio=one.ratio, horizon=one.horizon, alpha=one.alpha,
                               min_events=one.min_events)  # fmt: skip
        assert run.end == "running"


def test_alpha_is_split_over_the_strata() -> None:
    (test,) = read(text=POISSON + 'by = "setting"\nstrata = ["clinic", "home"]\n').poisson
    assert test.split_alpha == 0.025
    (whole,) = read(text=POISSON).poisson
    assert (whole.split_alpha, whole.margin) == (0.05, 1.25)


def test_the_ratio_of_the_windows() -> None:
    assert read(text=INTERVAL).interval[0].ratio == 2.5
    assert read(text=INTERVAL + 'measured_by = "vital_signs"\n').interval[0].ratio == 1


@pytest.mark.parametrize(
    "text",
    [
        "[[poisson]]",
        "no toml at all",
        POISSON + POISSON,
        POISSON + ARMS.replace('"c"', '"a"'),
        ARMS.replace("home", "clinic"),
        ARMS.replace('{ setting = "home" }', "{}"),
        ARMS.replace('setting = "home"', 'route = "oral"'),
        ARMS.replace('["sessions"]', '["setting"]'),
        POISSON + "unknown = 1\n",
        POISSON + "alpha = 0\n",
        POISSON + "margin = 0.9\n",
        POISSON + 'by = "setting"\n',
        POISSON + 'strata = ["home"]\n',
        POISSON + 'by = "setting"\nstrata = ["home", "home"]\n',
        POISSON + 'by = "weather"\nstrata = ["fair"]\n',
        POISSON.replace("2026-01-01", '"soon"'),
        POISSON.replace("horizon = 10", "horizon = 0"),
        INTERVAL.replace("[2, 6]", "[1, 6]"),
        INTERVAL.replace("[0, 1]", "[1, 0]"),
        INTERVAL.replace('["p"]', "[]"),
    ],
)
def test_what_is_no_protocol_is_refused(text: str) -> None:
    with pytest.raises(InputError) as error:
        read(text=text)
    assert error.value.code == "bad_protocol"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (POISSON.replace("death_sustain_3", "none"), "unknown_background"),
        (POISSON.replace('"Death"', '"Sedation"'), "not_comparable"),
        (POISSON.replace('"Death"', '"x"').replace("death_sustain_3", "y"), "bad_protocol"),
    ],
)
def test_a_background_that_cannot_be_used_is_refused(text: str, code: str) -> None:
    own = background.read(
        '[[rate]]\nname = "death_sustain_3"\nevent = "Death"\nn = 1\nperson_time = 1\n'
        'population = "p"\nsource = "s"\n'
        '[[rate]]\nname = "y"\nevent = "x"\nn = 1\nperson_time = 1\nunit = "sessions"\n'
        'population = "p"\nsource = "s"\n'
    )
    with pytest.raises(InputError) as error:
        read(own, text)
    assert error.value.code == code
