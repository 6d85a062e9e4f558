"""Evidence over a family: each pair for itself, the list for all of them together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.evidence import Evidence, corrected
from detectors.looks import Key
from detectors.sequential import two_sample_late
from detectors.sequential.family import Family, latched, needed
from detectors.sequential.two_sample import Look
from tests.detectors.sequential.alarms import ALPHA, lower_limit

FAMILY = Family("f", ("A", "B"), ("x", "y", "z"), 0.05)
DAYS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["", "A", "B", "AB"]), st.sampled_from(["", "x", "xy", "yz"])),
        max_size=40,
    ),
    min_size=1,
    max_size=6,
)


def counts(reports: list[tuple[str, str]]) -> dict[Key, int]:
    """The counts of a look, from its reports."""
    found: dict[Key, int] = {("", ""): len(reports)}
    for products, events in reports:
        for key in [
            *((p, "") for p in products),
            *(("", e) for e in events),
            *((p, e) for p in products for e in events),
        ]:
            found[key] = found.get(key, 0) + 1
    return found


@settings(max_examples=40, deadline=None)
@given(DAYS)
def test_each_pair_has_the_evidence_of_its_own_process(days: list[list[tuple[str, str]]]) -> None:
    evidence = Evidence(FAMILY, 1.25)
    found = [evidence.look(counts(day))[0] for day in days]
    for product, event in FAMILY.pairs:
        table = np.array(
            [
                [
                    sum(product in p and event in e for p, e in day),
                    sum(product in p for p, _ in day),
                    sum(product not in p and event in e for p, e in day),
                    sum(product not in p for p, _ in day),
                ]
                for day in days
            ],
            dtype=float,
        )
        alone = two_sample_late.batch(1, Look(*(column[:, None] for column in table.T)))
        for day, rows in enumerate(found):
            own = [row for row in rows if (row.product, row.event) == (product, event)]
            # a row for each look in which the product was reported
            assert len(own) == (table[day, 1] > 0)
            for row in own:
                assert row.log_e == alone.log_e[day, 0]
                assert row.log_e_sup == alone.log_e_sup[day, 0]
                assert list(row[4:]) == table[: day + 1].sum(axis=0).tolist()
        # folded once more, all at once
        assert corrected([list(table.T)], 1.25)[0] == alone.log_e_sup[-1, 0]


def day_of(n: int, m: int) -> dict[Key, int]:
    return {("", ""): 500, ("A", ""): 40, ("", "x"): n + m, ("A", "x"): n}


def test_what_is_found_is_found_once_by_what_the_family_asks() -> None:
    evidence = Evidence(FAMILY, 1.25)
    told = []
    sup = 0.0
    for _ in range(6):
        rows, found = evidence.look(day_of(6, 8))
        (row,) = [row for row in rows if row.event == "x"]
        sup = row.log_e_sup
        told.append((sup, found))
    asked = needed(1, 0.05, 6)
    first = next(i for i, (sup, _) in enumerate(told) if sup >= asked)
    assert 0 < first < 5
    assert [len(found) for _, found in told] == [int(i == first) for i in range(6)]
    ((one,),) = [found for _, found in told if found]
    assert (one.asked, one.among, one.row.log_e_sup) == (asked, 1, told[first][0])
    assert one.row.n == 6 * (first + 1)


def test_a_second_pair_is_asked_less_once_one_is_found() -> None:
    """Benjamini-Yekutieli: what the list asks of each falls as it grows."""
    evidence = Evidence(FAMILY, 1.25)
    strong = {("", ""): 500, ("A", ""): 40, ("", "x"): 28, ("A", "x"): 20}
    evidence.look(strong)
    _, found = evidence.look(strong)
    assert [one.row.event for one in found] == ["x"]
    later = []
    for _ in range(12):
        day = strong | {("", "y"): 14, ("A", "y"): 6}
        _, found = evidence.look(day)
        later += found
    (second,) = later
    assert (second.row.event, second.among, second.asked) == ("y", 2, needed(2, 0.05, 6))


def test_a_pair_that_was_never_reported_is_one_of_the_family() -> None:
    alone = Evidence(Family("g", ("A",), ("x",), 0.05), 1.25)
    among = Evidence(Family("h", ("A",), ("x", *(f"e{i}" for i in range(40))), 0.05), 1.25)
    found = [0, 0]
    for _ in range(4):
        for i, evidence in enumerate((alone, among)):
            found[i] += len(evidence.look(day_of(4, 8))[1])
    assert found == [1, 0]


def test_no_looks_are_no_evidence() -> None:
    assert corrected([[np.zeros(0)] * 4] * 2, 1.25).tolist() == [0.0, 0.0]


def test_a_family_of_nothing_but_the_margin_lists_something_in_no_more_runs_than_alpha() -> None:
    """400 families of two products and three events at the margin, 40 looks, simulated."""
    rng = np.random.default_rng(71)
    runs, listed = 400, np.zeros(400, dtype=bool)
    share = np.array([0.02, 0.05, 0.1])
    odds = 1.25 * share / (1 - share)
    for run in range(runs):
        sizes = np.array([20, 8])
        looks = []
        for _ in range(40):
            own = np.stack([rng.binomial(size, odds / (1 + odds)) for size in sizes])
            others = rng.binomial(300, share)
            columns = [
                own.ravel(),
                np.repeat(sizes, 3),
                np.tile(others, 2),
                np.full(6, 300),
            ]
            looks.append([column.astype(float) for column in columns])
        stacked = Look(*(np.stack(column) for column in zip(*looks, strict=True)))
        sup = two_sample_late.batch(6, stacked).log_e_sup[-1]
        listed[run] = latched(sup, ALPHA, 6).any()
    assert lower_limit(listed) <= ALPHA
