"""E-detector for harm that begins late."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sequential import eprocess
from detectors.sequential.edetector import Look, Parameters, batch, start, step, threshold
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, BAR, LOOKS, RUNS, ever, lower_limit


def draw(ratio: float, seed: int, looks: int = LOOKS, begins: int = 0, mu: float = 0.5) -> Look:
    expected = np.full((looks, RUNS), mu)
    true = np.where(np.arange(looks)[:, None] < begins, 1.0, ratio) * expected
    return Look(np.random.default_rng(seed).poisson(true).astype(float), expected)


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.25])
def test_false_alarms_ever(ratio: float) -> None:
    assert lower_limit(ever(batch(RUNS, draw(ratio, 51)).log_e_sup)) <= ALPHA


def test_detection_and_silence() -> None:
    assert ever(batch(RUNS, draw(3.0, 52, mu=0.1)).log_e_sup).mean() > 0.88
    assert ever(batch(RUNS, draw(0.5, 53)).log_e_sup).mean() < 0.001


def test_harm_that_begins_late_is_found_where_a_process_from_the_start_is_not() -> None:
    look = draw(3.0, 54, looks=208, begins=156, mu=0.35)
    late = batch(RUNS, look)
    early = eprocess.batch(RUNS, eprocess.Look(*look)).log_e_sup
    assert ever(late.log_e_sup).mean() > 0.75
    assert (late.log_sum.max(axis=0) >= threshold(2_080)).mean() > 0.85
    assert ever(late.log_e_sup).mean() > ever(early).mean() + 0.15


def test_looks_to_a_false_alarm_are_as_many_as_promised() -> None:
    length = 50
    alarm = batch(RUNS, draw(1.25, 55, looks=300)).log_sum >= threshold(length)
    # runs without an alarm count as 300 looks: the average is a lower bound
    first = np.where(alarm.any(axis=0), alarm.argmax(axis=0) + 1, 300)
    assert alarm.any(axis=0).mean() > 0.5
    assert first.mean() + 2.33 * first.std() / np.sqrt(RUNS) >= length


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.tuples(st.integers(0, 9), st.floats(0.01, 5)), min_size=1, max_size=7))
def test_it_is_the_sum_over_all_beginnings(counts: list[tuple[int, float]]) -> None:
    n, mu = np.array(counts, dtype=float).T
    parameters = Parameters(1.25, (0.5, 3.0), 0.7)
    found = batch(1, Look(n[:, None], mu[:, None]), parameters)
    looks = len(n)
    plain, weighted = 0.0, (looks + 1.0) ** -0.7  # not begun yet
    for j in range(looks):
        e = np.mean([(1 + x) ** n[j:].sum() * np.exp(-1.25 * x * mu[j:].sum()) for x in (0.5, 3.0)])
        plain += e
        weighted += ((j + 1) ** -0.7 - (j + 2) ** -0.7) * e
    assert found.log_sum[-1, 0] == pytest.approx(np.log(plain), abs=1e-9)
    assert found.log_e[-1, 0] == pytest.approx(np.log(weighted), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 50), mu=st.floats(0.01, 50), margins=st.tuples(*[st.floats(1, 9)] * 2))
def test_a_wider_margin_is_never_more_evidence(
    n: int, mu: float, margins: tuple[float, float]
) -> None:
    look = Look(np.array([[float(n)], [2.0]]), np.array([[mu], [1.0]]))
    narrow, wide = (batch(1, look, Parameters(margin=m)) for m in sorted(margins))
    for a, b in zip(narrow, wide, strict=True):
        assert (b <= a + 1e-9).all()


def test_the_state_does_not_grow() -> None:
    before = start(3)
    after, _ = step(before, Look(np.ones(3), np.ones(3)))
    assert [column.shape for column in after] == [column.shape for column in before]


def test_the_bar_of_an_e_process_is_no_bar_of_the_sum() -> None:
    found = batch(RUNS, draw(1.25, 56))
    assert (found.log_sum.max(axis=0) >= BAR).mean() > 5 * ALPHA


def test_a_run_length_that_is_none_is_refused() -> None:
    for bad in (1.0, -3.0, np.inf):
        with pytest.raises(InputError) as error:
            threshold(bad)
        assert error.value.code == "bad_parameter"
