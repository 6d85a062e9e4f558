"""The likelihood ratio test against pvLRT."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.disproportionality import lrt as module
from detectors.disproportionality.lrt import largest_by_chance, lrt
from detectors.disproportionality.table import PairTable, score
from tests.detectors.shared import rows


def test_lovastatin() -> None:
    found = list(rows("reference/detectors/lrt_lovastatin.csv"))
    n = np.array([int(row["n"]) for row in found])
    product, event = (np.array([row[name] for row in found]) for name in ("product", "event"))
    table = PairTable.of(
        product,
        event,
        n=n,
        n_product=[n[product == name].sum() for name in product],
        n_event=[n[event == name].sum() for name in event],
        n_total=[n.sum()] * len(n),
    )
    columns = score(table, [module.METHOD])
    # pvLRT takes the last product for the comparator and gives it no statistic
    tested = [row for row in found if row["lr_statistic"]]
    assert len(tested) == 2 * 47
    place = {pair: i for i, pair in enumerate(zip(table.product, table.event, strict=True))}
    order = [place[row["product"], row["event"]] for row in tested]
    theirs = np.array([float(row["lr_statistic"]) for row in tested])
    np.testing.assert_allclose(columns["lrt"][order], theirs, rtol=1e-9, atol=1e-9)
    assert ((columns["lrt_p"] > 0) & (columns["lrt_p"] <= 1)).all()

    # Huang holds the level over the events of one product, pvLRT over those of all tested ones
    shares = np.array([n[event == name].sum() for name in sorted(set(event))]) / n.sum()
    rng = np.random.default_rng(5)
    products = ("Lovastatin", "other_statins", "other_drugs")
    sizes = [n[product == name].sum() for name in products]
    chance = largest_by_chance(sizes, shares, 10_000, rng, "poisson").max(axis=1)
    p = np.array([float(row["p_value"]) for row in tested])
    ours = np.array([(1 + (chance >= statistic - 1e-9).sum()) / 10_001 for statistic in theirs])
    # two runs of 10,000 simulations differ by this much
    assert (np.abs(ours - p) <= 4 * np.sqrt(2 * p * (1 - p) / 10_000) + 2e-4).all()
    assert (columns["lrt_p"][order] <= p + 4 * np.sqrt(2 * p * (1 - p) / 10_000) + 2e-4).all()


def test_a_statistic_worked_out_by_hand() -> None:
    # E = 2; 6 log 3 + 4 log(4/8)
    by_hand = 6 * np.log(3) + 4 * np.log(0.5)
    assert float(lrt(6, 10, 20, 100, "huang")) == pytest.approx(by_hand)
    assert float(lrt(10, 10, 20, 100, "huang")) == pytest.approx(10 * np.log(5))
    assert float(lrt(6, 10, 20, 100)) == pytest.approx(6 * np.log(3) - 4)
    assert float(lrt(2, 10, 20, 100)) == float(lrt(2, 10, 20, 100, "huang")) == 0


@pytest.mark.parametrize("model", ["poisson", "huang"])
def test_the_level_holds_over_the_events_of_a_product(model: str) -> None:
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.full(8, 2.0))
    events = [f"{i}" for i in range(8)]
    parameters = module.Parameters(model=model, simulations=199)
    flagged = 0
    for _ in range(150):
        n = rng.multinomial(40, shares).tolist() + rng.multinomial(4_000, shares).tolist()
        table = PairTable.of(
            ["a"] * 8 + ["b"] * 8,
            events * 2,
            n=n,
            n_product=[40] * 8 + [4_000] * 8,
            n_event=[x + y for x, y in zip(n[:8], n[8:], strict=True)] * 2,
            n_total=[4_040] * 16,
        )
        p = score(table, [module.METHOD], {"lrt": parameters})["lrt_p"]
        flagged += p[:8].min() <= 0.1
    # 15 expected of 150; the binomial's 99.9 % limit is 28
    assert 3 <= flagged <= 28


def test_a_seed_gives_the_same_again_and_another_does_not() -> None:
    shares = np.array([0.5, 0.3, 0.2])
    one, again, other = (
        largest_by_chance((20, 80), shares, 200, np.random.default_rng(seed), "poisson")
        for seed in (1, 1, 2)
    )
    assert one.tobytes() == again.tobytes()
    assert one.tobytes() != other.tobytes()
