"""The area under the curve: by hand, against every pair, and its interval by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from detectors.calibration.auc import auc
from schemas.errors import InputError

SCORES = st.lists(st.integers(-5, 5), min_size=2, max_size=25)


def test_an_area_by_hand() -> None:
    """3, 5, 5 against 1, 5: of six pairs three are won, one lost, two tied.

    Below each positive lie 1/2, 3/4, 3/4 of the negatives, above each negative 1 and 1/3.
    """
    found = auc([3, 5, 5], [1, 5], fewest=2)
    assert found.estimate == pytest.approx(4 / 6)
    of_positives = (2 * (1 / 12) ** 2 + (1 / 6) ** 2) / 2
    of_negatives = 2 * (1 / 3) ** 2
    assert found.se == pytest.approx(np.sqrt(of_positives / 3 + of_negatives / 2))
    half = 1.959963984540054 * found.se
    assert (found.lower, found.upper) == (max(0, 4 / 6 - half), 1.0)
    assert (found.positives, found.negatives) == (3, 2)


@settings(max_examples=60, deadline=None)
@given(positive=SCORES, negative=SCORES)
def test_it_is_the_mean_over_all_pairs(positive: list[int], negative: list[int]) -> None:
    x, y = np.array(positive)[:, None], np.array(negative)
    psi = (x > y) + 0.5 * (x == y)
    found = auc(positive, negative, fewest=2)
    assert found.estimate == pytest.approx(psi.mean(), abs=1e-12)
    variance = psi.mean(1).var(ddof=1) / len(x) + psi.mean(0).var(ddof=1) / len(y)
    assert found.se == pytest.approx(np.sqrt(variance), abs=1e-12)
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1


@settings(max_examples=40, deadline=None)
@given(positive=SCORES, negative=SCORES)
def test_only_the_order_of_scores_counts_and_turning_it_turns_the_area(
    positive: list[int], negative: list[int]
) -> None:
    found = auc(positive, negative, fewest=2)
    assert auc(np.exp(positive), np.exp(negative), fewest=2) == found
    turned = auc(-np.array(positive), -np.array(negative), fewest=2)
    assert turned.estimate == pytest.approx(1 - found.estimate)
    assert turned.se == pytest.approx(found.se)


def test_its_interval_holds_the_area_as_often_as_it_says() -> None:
    rng, shift, runs = np.random.default_rng(31), 1.0, 1_500
    true = float(ndtr(shift / np.sqrt(2)))
    found = [auc(rng.normal(shift, 1, 40), rng.normal(0, 1, 60)) for _ in range(runs)]
    covered = np.mean([one.lower <= true <= one.upper for one in found])
    assert covered == pytest.approx(0.95, abs=0.02)
    assert np.mean([one.estimate for one in found]) == pytest.approx(true, abs=0.003)
    spread = np.std([one.estimate for one in found])
    assert np.mean([one.se for one in found]) == pytest.approx(spread, rel=0.05)


def test_too_few_controls_give_no_area() -> None:
    with pytest.raises(InputError, match="29 positive and 80 negative") as error:
        auc(np.arange(29), np.arange(80))
    assert error.value.code == "not_estimable"
    assert auc(np.arange(30), np.arange(30)).estimate == pytest.approx(0.5)
    with pytest.raises(InputError):
        auc([1], [0, 1, 2], fewest=1)


def test_a_score_that_is_no_number_is_refused() -> None:
    for positive, negative in (([np.nan, 1], [0, 1]), ([0, 1], [np.nan, 1])):
        with pytest.raises(InputError) as error:
            auc(positive, negative, fewest=2)
        assert error.value.code == "bad_score"
