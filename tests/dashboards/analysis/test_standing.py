"""The cases as they stand, taken on by changes, are those of the fold at the same position."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.analysis import standing as module
from dashboards.analysis.fold import fold
from dashboards.analysis.population import Population, Traits
from dashboards.analysis.standing import Standing
from tests.dashboards.reports.support import PAIR, Told, background, cystitis, report, told


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(background(1, 40))
        made.tell(cystitis(100, 5))
        yield made


def standing(store: Told) -> Standing:
    given = store.setting.configuration
    return Standing(given.vocabulary, given.watchlist)


def agrees(store: Told, kept: Standing, position: int) -> None:
    """What is kept is what the fold at that position gives."""
    given = store.setting.configuration
    with store.filled.store.read() as connection:
        at, population = kept.population(connection, PAIR[0])
        assert at == position
        found = fold(connection, at, given.watchlist.watches)
        traits = [Traits.of(case.change, case.body()) for case in found.cases]
        fresh = Population(found.book, traits, PAIR[0], given.vocabulary)
        for pair in (PAIR[1:], ("sertraline", "Nausea"), ("esketamine @clinic", "group:urinary")):
            assert population.parts(*pair) == fresh.parts(*pair)
            assert population.masking(*pair) == fresh.masking(*pair)
            assert population.relative(*pair) == fresh.relative(*pair)
        cases = kept.cases(connection, PAIR)[1]
        assert [case.body() for case in cases] == [case.body() for case in found.of_pair(*PAIR)]
        assert [case.change for case in cases] == [case.change for case in found.of_pair(*PAIR)]


def test_read_at_once_or_in_parts_it_is_the_same(
    store: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 0.0)
    kept = standing(store)
    agrees(store, kept, store.position)
    first = cystitis(100, 1)[0]
    patient = {"age_years": 9, "sex": "male"}
    store.tell([first | {"version": 2, "patient": patient}, report(300, "Zoloft", "Nausea")])
    store.tell([report(101, "Spravato", "Cystitis", version=3, status="nullified")])
    agrees(store, kept, store.position)
    agrees(store, standing(store), store.position)


def test_a_version_that_is_not_counted_yet_does_not_show(store: Told) -> None:
    before = store.position
    entry = store._entry(0, cystitis(100, 1)[0] | {"version": 2, "patient": {}}, "reports")
    store.dispose((entry,))
    agrees(store, standing(store), before)


def test_it_stays_for_a_while_and_says_its_position(
    store: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = standing(store)
    before = store.position
    with store.filled.store.read() as connection:
        assert len(kept.cases(connection, PAIR)[1]) == 5
    store.tell(cystitis(200, 1))
    with store.filled.store.read() as connection:
        at, cases = kept.cases(connection, PAIR)
        assert (at, len(cases)) == (before, 5)
        monkeypatch.setattr(module, "KEPT", 0.0)
        at, cases = kept.cases(connection, PAIR)
        assert (at, len(cases)) == (store.position, 6)


def test_without_any_case_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with told(tmp_path / "empty", monkeypatch) as bare:
        kept = standing(bare)
        with bare.filled.store.read() as connection:
            position, population = kept.population(connection, "spontaneous")
            assert position == -1
            assert population.parts("esketamine", "Cystitis") == ()
            assert kept.cases(connection, PAIR) == (-1, [])
