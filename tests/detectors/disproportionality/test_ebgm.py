"""EBGM and its prior against openEBGM."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma

from detectors.disproportionality import ebgm as module
from detectors.disproportionality.cells import Cells, gathered
from detectors.disproportionality.ebgm import ebgm
from detectors.disproportionality.gps import Prior, fit, negative_log_likelihood
from detectors.disproportionality.method import Floats, Integers
from detectors.disproportionality.rrr import expected
from detectors.disproportionality.table import PairTable, score
from schemas.errors import InputError
from tests.detectors.shared import rows

DUMOUCHEL = Prior(0.2, 0.1, 2, 4, 1 / 3)
CAERS = Prior(3.25596853, 0.39999072, 2.02375195, 1.90613421, 0.06530760)
REFERENCE = "reference/detectors/"


class Pairs(NamedTuple):
    n: Integers
    expected: Floats
    margins: list[tuple[str, str, int, int, int]]


@pytest.fixture(scope="module")
def caers() -> Pairs:
    found = list(rows(REFERENCE + "caers_counts.csv.gz"))
    n, product, event, total = (
        np.array([int(row[name]) for row in found])
        for name in ("n", "n_product", "n_event", "n_total")
    )
    margins = [
        (row["product"], row["event"], int(row["n"]), int(row["n_product"]), int(row["n_event"]))
        for row in found
    ]
    return Pairs(n, expected(product, event, total), margins)


def test_quantile_grid() -> None:
    grid = list(rows(REFERENCE + "ebgm_quantile_grid.csv"))
    n = np.array([int(row["n"]) for row in grid])
    spread = np.array([float(row["e"]) for row in grid])
    # the note beside the grid rounds P to 0.3333; its weights are those of one third
    ours = ebgm(n, spread, DUMOUCHEL)
    names = ("ebgm", "q05", "q95", "qn")
    for name, values in zip(names, ours, strict=True):
        theirs = np.array([float(row[name]) for row in grid])
        # ebgm and the quantiles are printed with eight decimals
        np.testing.assert_allclose(values, theirs, rtol=1e-8 if name == "qn" else 0, atol=1e-8)


def test_scores_of_caers_at_the_published_prior(caers: Pairs) -> None:
    ours = ebgm(caers.n, caers.expected, CAERS)
    oracle = list(rows(REFERENCE + "caers_expected_report_margins.csv.gz"))
    for name, values in zip(("ebgm", "eb05", "eb95", "qn"), ours, strict=True):
        theirs = np.array([float(row[name]) for row in oracle])
        # the prior itself is printed with eight decimals
        np.testing.assert_allclose(values, theirs, rtol=1e-7)


def test_limits_are_quantiles_of_the_posterior() -> None:
    n, spread = np.array([0, 1, 4, 50, 900]), np.array([3.0, 1e-4, 2.5, 0.7, 800.0])
    result = ebgm(n, spread, DUMOUCHEL, level=0.98)
    for limit, p in ((result.lower, 0.01), (result.upper, 0.99)):
        first, second = (
            gamma.cdf(limit, alpha + n, scale=1 / (beta + spread))
            for alpha, beta in ((0.2, 0.1), (2, 4))
        )
        mixed = result.weight * first + (1 - result.weight) * second
        np.testing.assert_allclose(mixed, p, rtol=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    logs=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    p=st.floats(0.001, 0.999),
    seed=st.integers(0, 2**32 - 1),
    level=st.sampled_from([0.5, 0.9, 0.999]),
)
def test_limits_are_quantiles_whatever_the_prior(
    logs: list[float], p: float, seed: int, level: float
) -> None:
    """Also where they are interpolated: at 400 pairs of low n, sharp transitions included."""
    first, second, third, fourth = np.exp(logs).tolist()
    prior = Prior(first, second, third, fourth, p)
    rng = np.random.default_rng(seed)
    n = rng.integers(0, rng.choice([4, 60]), 400)
    spread = np.exp(rng.uniform(-7, 7, 400))
    result = ebgm(n, spread, prior, level)
    for limit, q in ((result.lower, (1 - level) / 2), (result.upper, (1 + level) / 2)):
        one, other = (
            gamma.cdf(limit, alpha + n, scale=1 / (beta + spread))
            for alpha, beta in ((prior.alpha1, prior.beta1), (prior.alpha2, prior.beta2))
        )
        mixed = result.weight * one + (1 - result.weight) * other
        np.testing.assert_allclose(mixed, q, rtol=1e-10)


def test_limits_without_an_expected_count_and_far_from_any_are_quantiles_too() -> None:
    n, spread = np.array([0, 3, 3, 3, 7]), np.array([0.0, 1e-300, 1e250, np.nan, 1e-90])
    result = ebgm(n, spread, DUMOUCHEL)
    assert np.isnan(result.lower).tolist() == [False, False, False, True, False]
    for row in (0, 1, 4):
        first, second = (
            gamma.cdf(result.lower[row], alpha + n[row], scale=1 / (beta + spread[row]))
            for alpha, beta in ((0.2, 0.1), (2, 4))
        )
        mixed = result.weight[row] * first + (1 - result.weight[row]) * second
        assert mixed == pytest.approx(0.05, rel=1e-9)


def test_likelihoods_of_the_note(caers: Pairs) -> None:
    at = negative_log_likelihood(DUMOUCHEL, caers.n, caers.expected)
    assert at == pytest.approx(4373.51946468541, rel=1e-12)
    at = negative_log_likelihood(CAERS, caers.n, caers.expected)
    assert at == pytest.approx(4162.4557, abs=5e-5)


def test_likelihood_with_zero_cells(caers: Pairs) -> None:
    products = {row[0]: row[3] for row in caers.margins}
    events = {row[1]: row[4] for row in caers.margins}
    n = np.zeros((len(products), len(events)), dtype=np.int64)
    place = [{name: i for i, name in enumerate(names)} for names in (products, events)]
    for product, event, count, _, _ in caers.margins:
        n[place[0][product], place[1][event]] = count
    spread = np.outer(list(products.values()), list(events.values())) / 3356
    at = negative_log_likelihood(DUMOUCHEL, n.ravel(), spread.ravel(), truncated=False)
    assert at == pytest.approx(88188.5283601026, rel=1e-12)


def whole(caers: Pairs) -> PairTable:
    product, event, n, n_product, n_event = zip(*caers.margins, strict=True)
    return PairTable.of(
        product, event, n=n, n_product=n_product, n_event=n_event, n_total=[3356] * len(n)
    )


def test_zero_cells_are_gathered_without_loss(caers: Pairs) -> None:
    n, spread, weight = module.all_cells(whole(caers))
    products, events = ({row[i] for row in caers.margins} for i in (0, 1))
    assert weight.sum() == len(products) * len(events)
    assert len(n) < 60_000
    at = negative_log_likelihood(DUMOUCHEL, n, spread, truncated=False, weight=weight)
    assert at == pytest.approx(88188.5283601026, rel=1e-12)


def test_a_fit_with_zero_cells(caers: Pairs) -> None:
    n, spread, weight = module.all_cells(whole(caers))
    found = fit(n, spread, truncated=False, weight=weight)
    assert found.negative_log_likelihood < 88188
    given = module.Parameters(likelihood="zero_cells")
    columns = score(whole(caers), [module.METHOD], {"ebgm": given})
    estimate = ebgm(caers.n, caers.expected, found.prior).estimate
    np.testing.assert_allclose(np.sort(columns["ebgm"]), np.sort(estimate), rtol=1e-12)


def test_the_fit_is_no_worse_than_the_published_one(caers: Pairs) -> None:
    found = fit(caers.n, caers.expected)
    assert found.negative_log_likelihood <= negative_log_likelihood(CAERS, caers.n, caers.expected)
    np.testing.assert_allclose(found.prior, CAERS, rtol=1e-5)
    assert found.starts > 1
    assert found.decrement < 1e-9


def test_points_that_stand_for_all_cells_have_their_likelihood(caers: Pairs) -> None:
    cells = Cells(caers.n, caers.expected, truncated=True)
    few = gathered(cells)
    assert len(few.n) < 0.3 * len(cells.n)
    for prior in (DUMOUCHEL, CAERS, Prior(10.0, 2.0, 0.3, 0.2, 0.9)):
        theta = np.append(np.log(prior[:4]), np.log(prior.p / (1 - prior.p)))
        (value, slope), (like, like_slope) = (c.value_and_slope(theta) for c in (cells, few))
        assert like == pytest.approx(value, rel=1e-9)
        np.testing.assert_allclose(like_slope, slope, atol=1e-4)


def test_the_published_prior_of_caers_is_not_the_likeliest(caers: Pairs) -> None:
    """Another one, of fewer pairs at higher rates, is a little likelier and a maximum too.

    No optimiser of openEBGM finds it, nor do the starting points here; with both, the scores of
    some pairs differ by a tenth and more.
    """
    other = Prior(20.957768638, 1.657759152, 1.738312860, 1.564258334, 0.034937848)
    theta = np.append(np.log(other[:4]), np.log(other.p / (1 - other.p)))
    cells = Cells(caers.n, caers.expected, truncated=True)
    value, slope = cells.value_and_slope(theta)
    assert value == pytest.approx(4162.180837, abs=1e-6)
    assert value < negative_log_likelihood(CAERS, caers.n, caers.expected) - 0.27
    assert np.abs(slope).max() < 1e-4
    assert (np.linalg.eigvalsh(cells.curvature(theta)) > 0).all()
    one, two = (ebgm(caers.n, caers.expected, prior) for prior in (CAERS, other))
    assert np.abs(two.estimate / one.estimate - 1).max() > 0.1


def simulated(size: int) -> tuple[Floats, Floats, np.random.Generator]:
    rng = np.random.default_rng(11)
    rate = np.where(rng.random(size) < 0.2, rng.gamma(2, 2, size), rng.gamma(5, 1 / 6, size))
    return rate, rng.gamma(0.6, 3, size), rng


def test_a_known_prior_is_found_again() -> None:
    rate, spread, rng = simulated(60_000)
    prior = fit(rng.poisson(spread * rate), spread, truncated=False).prior
    assert prior.p == pytest.approx(0.2, abs=0.02)
    assert prior.alpha1 / prior.beta1 == pytest.approx(4, rel=0.05)
    assert prior.alpha2 / prior.beta2 == pytest.approx(5 / 6, rel=0.05)


def test_truncated_share_is_one_of_the_pairs_seen() -> None:
    """The published likelihood is a mixture of truncated distributions.

    Its P is the share of the pairs seen (n >= 1), not of all pairs, as a truncated mixture would
    have it: high rates are seen more often.
    """
    rng = np.random.default_rng(11)
    size = 60_000
    high, spread = rng.random(size) < 0.2, rng.uniform(0.2, 4, size)
    n = np.zeros(size, dtype=np.int64)
    while (unseen := n == 0).any():
        left = int(unseen.sum())
        rate = np.where(high[unseen], rng.gamma(2, 2, left), rng.gamma(5, 1 / 6, left))
        n[unseen] = rng.poisson(spread[unseen] * rate)
    assert fit(n, spread).prior.p == pytest.approx(0.2, abs=0.03)


def test_an_optimum_at_the_edge_is_passed_over_and_said(caers: Pairs) -> None:
    # with a third of the pairs, a point for the second component is likelier than any gamma
    found = fit(caers.n[:6000], caers.expected[:6000])
    assert found.edge_gain == pytest.approx(7.88, abs=0.01)
    assert found.prior.alpha2 < 100
    assert fit(caers.n, caers.expected).edge_gain == 0


def test_a_failed_fit_is_an_error_and_never_a_score() -> None:
    with pytest.raises(InputError, match="too few") as caught:
        fit([1, 2], [1.0, 1.0])
    assert caught.value.code == "ebgm_fit_failed"
    # every pair is just what was expected: no spread that a prior could have
    with pytest.raises(InputError) as caught:
        fit(np.full(400, 50), np.full(400, 50.0))
    assert caught.value.code == "ebgm_fit_failed"


def test_the_method_fits_the_pairs_that_were_seen(caers: Pairs) -> None:
    chosen = caers.margins
    table = PairTable.of(
        [row[0] for row in chosen] + ["none"],
        [row[1] for row in chosen] + ["none"],
        n=[row[2] for row in chosen] + [0],
        n_product=[row[3] for row in chosen] + [5],
        n_event=[row[4] for row in chosen] + [5],
        n_total=[3356] * (len(chosen) + 1),
    )
    columns = score(table, [module.METHOD])
    seen = table.n > 0
    prior = fit(table.n[seen], columns["expected"][seen]).prior
    given = score(table, [module.METHOD], {"ebgm": module.Parameters(prior=prior)})
    for name in ("ebgm", "eb05", "eb95"):
        assert columns[name].tobytes() == given[name].tobytes()
    assert (columns["eb05"] < columns["ebgm"]).all()
    assert (columns["ebgm"] < columns["eb95"]).all()
