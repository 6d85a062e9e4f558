"""Mutated inputs in CI, and that the harness itself sees what it is there for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz import targets, watch
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import NAMES, Broken, Reader

INPUTS, SEED = 20_000, 20261126


@pytest.mark.parametrize("name", NAMES)
def test_no_mutated_input_crashes_hangs_or_is_lost(name: str) -> None:
    (outcome,) = watch.fuzz(INPUTS // len(NAMES), SEED, [name])
    assert outcome.broken == []
    assert sum(outcome.words.values()) == outcome.inputs == INPUTS // len(NAMES)
    assert outcome.megabytes < watch.MEMORY
    # neither all well nor all refused: the mutations reach both
    assert len(outcome.words) > 1


def test_the_same_seed_gives_the_same_inputs() -> None:
    one, other, another = (
        [mutated([b"a" * 40, b"b" * 40], random.Random(f"{seed}{i}")) for i in range(50)]
        for seed in (1, 1, 2)
    )
    assert one == other != another
    assert watch.content("faers_ascii", 1, 5) == watch.content("faers_ascii", 1, 5)


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        ("raise KeyError('x')", "KeyError"),
        ("import os; os._exit(9)", "exit 9"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "exit -11"),
        ("import time; time.sleep(600)", "no answer"),
    ],
)
def test_a_crash_and_a_hang_are_seen(
    breaks: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        "import sys\n"
        "first, count = map(int, sys.argv[3:5])\n"
        "for number in range(first, first + count):\n"
        "    print(number, flush=True)\n"
        f"    if number == 3: {breaks}\n"
        'print(\'{"words": {"sound": %d}, "megabytes": 1}\' % count, flush=True)\n'
    )
    monkeypatch.setattr(watch, "CHILD", [str(child)])
    monkeypatch.setattr(watch, "HANG", 2.0)
    (outcome,) = watch.fuzz(10, 1, ["json"])
    assert outcome.inputs == 10
    assert [one.partition(": ")[0] for one in outcome.broken] == ["input 3"]
    assert said in outcome.broken[0]
    assert outcome.words == {"sound": 6}


@pytest.mark.parametrize(
    "body",
    ["return iter(())", "return iter([*records(source)] * 2)", "raise ValueError('x')"],
)
def test_a_reader_that_loses_doubles_or_raises_breaks_a_law(
    body: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from schemas.formats import FORMATS, ndjson

    given: dict[str, object] = {"records": ndjson.records}
    exec(f"def broken(source):\n    {body}", given)
    reader = Reader("ndjson", tmp_path)
    content = reader.seeds[0]
    assert reader.give(content) == "sound"
    monkeypatch.setitem(FORMATS, "ndjson", given["broken"])
    with pytest.raises((Broken, ValueError)):
        reader.give(content)


def test_what_was_found_stays_found(tmp_path: Path) -> None:
    """Inputs that once broke a law, by their numbers."""
    for name, seed, number in (("mapped_csv", 2, 112), ("parquet", 3, 2246), ("parquet", 3, 2473)):
        assert targets.run(name, seed, number, 1, lambda _: None).total() == 1
