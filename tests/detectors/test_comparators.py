"""The matrix of a pair over comparators and subgroups, counted another way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cases import Cases, Column
from detectors.comparators import (
    ALL_PRODUCTS,
    SAME_ROUTE,
    Comparator,
    dominant_event,
    matrix,
    standard,
)
from detectors.disproportionality.ror import ror
from schemas.vocabulary.vocabulary import Vocabulary
from tests.detectors.clinic import ROUTES, clinics, told


@settings(max_examples=60, deadline=None)
@given(cases=clinics(), product=st.integers(0, 4), event=st.integers(0, 4))
def test_every_cell_counted_one_by_one(cases: Cases, product: int, event: int) -> None:
    sets = {"all": None, "two": {1, 2}}
    comparators = [ALL_PRODUCTS, Comparator("two", np.array([1, 2]))]
    found = matrix(cases, product, event, comparators)
    assert found.subgroups == ("all", "sex=f", "sex=m", *(f"route={route}" for route in ROUTES))
    listed = told(cases)
    for i, gone in enumerate((None, found.dominant)):
        kept = [case for case in listed if gone not in case.events]
        for j, of in enumerate(sets.values()):
            for k in range(3):
                group = [case for case in kept if k == 0 or case.sex == k - 1]
                mine = [case for case in group if product in case.products]
                others = [
                    case
                    for case in group
                    if product not in case.products and (of is None or case.products & of)
                ]
                n = sum(event in case.events for case in mine)
                n_event = n + sum(event in case.events for case in others)
                assert found.n[i, j, k] == n
                assert found.n_product[i, j, k] == len(mine)
                assert found.n_event[i, j, k] == n_event
                assert found.n_total[i, j, k] == len(mine) + len(others)
    scores = found.scores()
    assert not any(np.isinf(values).any() for values in scores.values())
    ours = scores["ror"][0, 1, 2]
    cell = (x[0, 1, 2] for x in (found.n, found.n_product, found.n_event, found.n_total))
    np.testing.assert_array_equal(ours, ror(*cell).estimate)


@settings(max_examples=30, deadline=None)
@given(cases=clinics(), seed=st.integers(0, 1000))
def test_the_order_of_cases_is_irrelevant(cases: Cases, seed: int) -> None:
    listed = told(cases)
    order = np.random.default_rng(seed).permutation(len(listed)).tolist()

    def again(places: list[int]) -> Cases:
        chosen = [listed[i] for i in places]
        given_so = [sorted(case.given) for case in chosen]
        codes = np.array([route for case in given_so for _, route in case], dtype=np.int64)
        sex = np.array([case.sex for case in chosen], dtype=np.int64)
        return Cases.listed(
            [[p for p, _ in case] for case in given_so],
            [sorted(case.events) for case in chosen],
            {"sex": Column(sex, ("f", "m"))},
            {"route": Column(codes, ROUTES)},
        )

    comparators = [ALL_PRODUCTS, SAME_ROUTE]
    one, other = (matrix(again(x), 0, 1, comparators) for x in (order, sorted(order)))
    whole = matrix(cases, 0, 1, comparators)
    for name in ("n", "n_product", "n_event", "n_total"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_array_equal(getattr(one, name), getattr(whole, name))


def test_same_route_has_one_route_on_both_sides() -> None:
    """0 is nasal twice and iv once; 1 is nasal, 2 iv."""
    route = Column.of(["nasal", "nasal", "iv", "nasal", "iv", None])
    cases = Cases.listed([[0], [0], [0], [1], [2], [3]], [[5]] * 6, by_product={"route": route})
    found = matrix(cases, 0, 5, [ALL_PRODUCTS, SAME_ROUTE], columns=())
    assert found.n_product[0, :, 0].tolist() == [3, 2]
    assert found.n_total[0, :, 0].tolist() == [6, 3]


def test_without_routes_nobody_has_the_same() -> None:
    for cases in (
        Cases.listed([[0], [1]], [[5], [5]]),
        Cases.listed([[0], [1]], [[5]] * 2, by_product={"route": Column.of([None, "iv"])}),
    ):
        found = matrix(cases, 0, 5, [SAME_ROUTE], columns=())
        assert found.n_total.max() == 0
        assert np.isnan(found.scores()["ror"]).all()


def test_own_dominant_event_hides_another() -> None:
    """90 of 100 reports are dissociation: without them, 8 of 10 are cystitis."""
    products = [[0]] * 100 + [[1]] * 100
    events = [[7]] * 90 + [[5]] * 8 + [[6]] * 2 + [[5]] * 8 + [[6]] * 92
    found = matrix(Cases.listed(products, events), 0, 5)
    prr = found.scores()["prr"][:, 0, 0]
    assert found.dominant == 7
    assert prr.tolist() == [1.0, 10.0]
    plain = matrix(Cases.listed(products, events), 0, 5, without_dominant=False)
    assert plain.variants == ("all reports",)
    assert plain.n.shape == (1, 1, 1)


def test_which_event_dominates() -> None:
    cases = Cases.listed([[0]] * 3, [[5, 9, 6], [9, 5, 6], [9]])
    assert dominant_event(cases, 0, 5) == 9
    assert dominant_event(cases, 0, 5, terms=np.array([6, 40])) == 6
    assert dominant_event(cases, 0, 5, terms=np.array([5])) == -1
    assert dominant_event(cases, 3, 5) == -1


def test_the_standard_sets_with_the_vocabulary() -> None:
    names = ["ketamine", "esketamine", "sertraline", "trazodone", "propofol", "lithium", "aspirin"]
    sets = standard(names, Vocabulary.load().substance_class)
    assert [c.name for c in sets] == [
        "all products",
        "antidepressants",
        "anaesthetics",
        "lithium",
        "same route",
    ]
    chosen = [None if c.products is None else c.products.tolist() for c in sets]
    assert chosen == [None, [2, 3], [4], [5], None]
