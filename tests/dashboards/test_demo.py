"""The page of what was planted: how each thing stands is read from the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboards.demo import Found, Line, lines, others
from streams.simulate import truth
from streams.simulate.push import Simulation
from streams.simulate.truth import Told
from tests.dashboards.support import Filled

SENT = datetime(2026, 3, 1, tzinfo=UTC)


def _line(
    *,
    expect: str = "raised",
    sent: bool = True,
    raised: bool = False,
    holds: int = 0,
    mistaken: bool = False,
) -> Line:
    told = Told(
        "x", "Tinnitus", ("esketamine",), ("ketamine",), expect, 8.0, "", SENT if sent else None
    )

    def found(product: str, signal: bool) -> Found:
        number = 1 if signal else None
        return Found(product, "Tinnitus", number, None, None, holds, 5, 4.0, 1.0)

    return Line(told, (found("esketamine", raised),), (found("ketamine", mistaken),))


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (_line(sent=False), "not sent yet"),
        (_line(), "waiting"),
        (_line(raised=True, holds=3), "found"),
        (_line(raised=True, holds=0), "found"),
        (_line(expect="withdrawn", raised=True, holds=2), "raised, not taken back yet"),
        (_line(expect="withdrawn", raised=True, holds=0), "taken back"),
        (_line(raised=True, holds=3, mistaken=True), "raised by mistake"),
    ],
)
def test_a_verdict_follows_from_what_was_raised(line: Line, verdict: str) -> None:
    assert line.verdict == verdict


@pytest.fixture
def simulated() -> truth.Truth:
    """The truth of a simulation whose clinics have each sent 1,200 reports."""
    simulation = Simulation(1, history=1000)
    for clinic in simulation.clinics:
        for _ in range(1200):
            clinic.next(SENT)
    return simulation.truth()


def test_nothing_is_found_in_an_empty_store(tmp_path: Path, simulated: truth.Truth) -> None:
    filled = Filled(tmp_path)
    try:
        with filled.store.read() as connection:
            found = lines(connection, simulated)
            named = others(connection, simulated)
    finally:
        filled.close()
    assert [line.told.name for line in found] == [one.name for one in simulated.planted]
    assert {line.verdict for line in found} == {"waiting"}
    assert named == {"known": [], "chance": []}


def test_the_truth_survives_its_file(tmp_path: Path, simulated: truth.Truth) -> None:
    path = tmp_path / "demo.json"
    assert truth.read(path) is None
    truth.write(path, simulated)
    assert truth.read(path) == simulated
    assert [child.name for child in tmp_path.iterdir()] == ["demo.json"]
