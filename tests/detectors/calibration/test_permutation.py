"""The permuted share: by hand, where nothing is linked, and where everything is."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import rules
from detectors.calibration.permutation import (
    Parameters,
    by_rule,
    spuriousness,
    spuriousness_of_each,
    table,
)
from detectors.casebook import Casebook, CaseContent
from detectors.contents import Contents
from detectors.disproportionality.method import from_json, to_json
from detectors.disproportionality.table import PairTable

IC025, EB05, EVANS, ROR = rules.read()


def book(cases: list[tuple[str, str, str]]) -> Casebook:
    """(dataset, products, events), each letter a name."""
    return Casebook.of(
        (i, 1, CaseContent(dataset, tuple((p, 1) for p in of), tuple((e, 1) for e in seen)))
        for i, (dataset, of, seen) in enumerate(cases)
    )


def drawn(size: int, linked: bool, seed: int = 1) -> Contents:
    """Cases of 20 products and 20 events; where linked, product i has event i four times in ten."""
    rng = np.random.default_rng(seed)
    names = [chr(97 + i) for i in range(20)]
    cases = []
    for _ in range(size):
        product, event = rng.integers(0, 20, 2)
        if linked and rng.random() < 0.4:
            event = product
        cases.append(("s", names[product], names[event].upper()))
    return book(cases).contents()


def test_the_table_is_the_casebooks() -> None:
    cases = [("s", "ab", "xy"), ("s", "a", "x"), ("t", "a", "z"), ("s", "", "x")]
    ours, theirs = table(book(cases).contents().within(0)), book(cases).table("s")
    for name in theirs.counts:
        assert ours.counts[name].tolist() == theirs.counts[name].tolist()


def test_a_permutation_written_out() -> None:
    """Six cases of two datasets: what numpy's own dealing does to their events."""
    cases = [("s", "a", "x"), ("t", "a", "z"), ("s", "b", "y"), ("s", "a", "x")]
    cases += [("t", "c", "w"), ("s", "b", "xy")]
    seen: list[list[tuple[int, ...]]] = []

    def flag(rows: PairTable) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        seen.append(sorted(zip(*(x.tolist() for x in rows.counts.values()), strict=True)))
        return rows.n >= 2

    result = spuriousness(book(cases).contents(), flag, Parameters(3, 7))
    rng = np.random.default_rng(7)
    spontaneous = [c for c in cases if c[0] == "s"], [c for c in cases if c[0] == "t"]
    expected, flagged = [], []
    for _ in range(3):
        total = 0
        for part in spontaneous:
            place = np.array([i for i, c in enumerate(cases) if c[0] == part[0][0]])
            given = dict(zip(place.tolist(), part, strict=True))
            goes = rng.permutation(place).tolist()
            dealt = [
                (given[to][0], given[to][1], given[start][2])
                for start, to in zip(place.tolist(), goes, strict=True)
            ]
            rows = book(dealt).table(part[0][0])
            expected.append(sorted(zip(*(x.tolist() for x in rows.counts.values()), strict=True)))
            total += int((rows.n >= 2).sum())
        flagged.append(total)
    # the first two are the data themselves
    assert seen[2:] == expected
    assert result.permuted == tuple(flagged)
    assert result.flagged == 2
    assert result.rate == pytest.approx(np.mean(flagged) / 2)


def test_where_nothing_is_linked_all_flags_are_chance() -> None:
    result = spuriousness(drawn(4_000, linked=False), by_rule(IC025), Parameters(20))
    assert result.flagged > 0
    assert 0.4 < result.rate < 2.5
    assert result.rate_se < 0.5


def test_where_all_is_linked_few_are() -> None:
    contents = drawn(4_000, linked=True)
    for rule in (IC025, ROR, EVANS):
        result = spuriousness(contents, by_rule(rule), Parameters(5))
        assert result.flagged >= 20
        assert result.rate < 0.6
    strict = spuriousness(contents, by_rule(EVANS), Parameters(5))
    assert strict.rate < 0.05


def test_a_rule_computes_what_it_reads() -> None:
    contents = drawn(300, linked=True)
    rows = table(contents.within(0))
    assert by_rule(IC025)(rows).sum() > 0
    assert not by_rule(EB05, ())(rows).any()


def test_seeds_reproduce_and_the_cases_stay_as_they_are() -> None:
    contents = drawn(300, linked=False)
    for array in (contents.events.case, contents.events.code, contents.products.code):
        array.flags.writeable = False
    one, again, other = (
        spuriousness(contents, lambda rows: rows.n >= 3, Parameters(4, seed)) for seed in (1, 1, 2)
    )
    assert one == again
    assert one.permuted != other.permuted


def test_several_rules_are_looked_at_over_the_same_permutations() -> None:
    contents = drawn(2_000, linked=True)
    alone = {
        rule.name: spuriousness(contents, by_rule(rule), Parameters(3)) for rule in (IC025, ROR)
    }

    def both(rows: PairTable) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        return {rule.name: by_rule(rule)(rows) for rule in (IC025, ROR)}

    assert spuriousness_of_each(contents, both, ("ic025", "ror025"), Parameters(3)) == alone


def test_nothing_flagged_has_no_rate() -> None:
    contents = drawn(100, linked=False)
    result = spuriousness(contents, lambda rows: rows.n > 1_000, Parameters(2))
    assert (result.flagged, result.permuted) == (0, (0, 0))
    assert np.isnan(result.rate)
    assert np.isnan(spuriousness(Casebook().contents(), lambda rows: rows.n > 0).rate)
    assert np.isnan(spuriousness(contents, lambda rows: rows.n > 1, Parameters(1)).rate_se)


def test_parameters_go_through_json() -> None:
    assert from_json(Parameters(), to_json(Parameters(3, 4))) == Parameters(3, 4)
