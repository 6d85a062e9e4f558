"""A registry's courses: dated back, the same for a seed, followed by others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from streams.simulate import registry as module
from streams.simulate.facts import planted_in_courses
from streams.simulate.push import REGISTRIES, Simulation
from streams.simulate.registry import Registry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _days(seed: int, days: int, name: str = "registry-ketamine") -> list[list[bytes]]:
    registry = Registry(name, REGISTRIES[name], seed)
    return [sum(registry.next(NOW), start=list[bytes]()) for _ in range(days)]


def test_the_same_seed_sends_the_same_and_another_seed_does_not() -> None:
    assert _days(5, 60) == _days(5, 60)
    assert _days(5, 60) != _days(6, 60)


def test_only_dates_follow_the_clock() -> None:
    one, other = (
        Registry("registry-antidepressants", REGISTRIES["registry-antidepressants"], 1)
        for _ in range(2)
    )
    later = NOW + timedelta(days=400)
    for _ in range(40):
        for a, b in zip(one.next(NOW)[1], other.next(later)[1], strict=True):
            first, second = json.loads(a), json.loads(b)
            days = datetime.fromisoformat(second["at"][:10]) - datetime.fromisoformat(
                first["at"][:10]
            )
            assert days.days == 400
            assert first | {"at": ""} == second | {"at": ""}


def test_courses_are_dated_back_and_none_lies_after_yesterday() -> None:
    registry = Registry("registry-esketamine", REGISTRIES["registry-esketamine"], 1)
    moments = [json.loads(raw)["at"][:10] for _ in range(600) for raw in registry.next(NOW)[1]]
    assert min(moments) == (NOW.date() - timedelta(days=module._DAYS)).isoformat()
    assert max(moments) <= "2026-02-28"


def test_when_all_courses_are_sent_others_follow_under_other_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_DAYS", 40)
    monkeypatch.setattr(module, "_COURSES", 3)
    registry = Registry("registry-ketamine", REGISTRIES["registry-ketamine"], 1)
    patients: list[str] = []
    for _ in range(120):
        patients += [json.loads(raw)["patient"] for raw in registry.next(NOW)[1]]
    waves = [int(name.split("-")[2]) for name in dict.fromkeys(patients)]
    assert waves == sorted(waves)
    # the last one may not be through yet
    assert all(waves.count(wave) == 3 for wave in set(waves) - {waves[-1]})
    assert len(set(waves)) >= 3


def test_what_is_planted_in_the_courses_is_told() -> None:
    simulation = Simulation(1)
    assert simulation.truth().harms == ()
    for registry in simulation.registries:
        registry.next(NOW)
    told = {(harm.registry, harm.name): harm for harm in simulation.truth().harms}
    assert set(told) == {
        (name, harm) for name, harms in planted_in_courses().items() for harm in harms
    }
    for (name, harm), one in told.items():
        assert one.strength == planted_in_courses()[name][harm]
        assert one.struck > 0


def test_every_registry_with_planted_harms_is_one_that_sends() -> None:
    assert planted_in_courses().keys() <= REGISTRIES.keys()
