"""Inputs led by coverage: a minute of them in CI, and that what they find is seen."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz import guided
from tests.fuzz.guided import READERS

SECONDS, SEED = 60, 20261126

needs_atheris = pytest.mark.skipif(
    find_spec("atheris") is None and os.environ.get("KETAVIGIL_REQUIRE_ALL") != "1",
    reason="atheris is not installed",
)
PLANTED = """
import sys
from pathlib import Path
from tests.fuzz.guided_child import guide

def give(content):
    if content.startswith(b"<"):
        {breaks}

name, seconds, seed, corpus, found = sys.argv[1:]
guide(give, [b"<a/>"], seconds=int(seconds), seed=1, corpus=Path(corpus), found=Path(found))
"""


@needs_atheris
@pytest.mark.parametrize("name", READERS)
def test_a_reader_breaks_no_law_whatever_coverage_leads_to(name: str) -> None:
    (outcome,) = guided.guided(SECONDS // len(READERS), SEED, [name])
    assert outcome.found == []
    assert outcome.inputs > 100
    # what the reader runs is seen, and the inputs reach more of it than the seeds do
    assert outcome.edges > max(100, outcome.begun)


@needs_atheris
@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        ("raise KeyError('x')", "KeyError at child.py:8: 'x'"),
        ("import os; os._exit(9)", "exit 9"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "finding-crash"),
        ("bytearray(1 << 30).find(b'x')", "finding-oom"),
    ],
)
def test_what_is_found_is_told_and_kept(
    breaks: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = tmp_path / "child.py"
    child.write_text(PLANTED.format(breaks=breaks))
    monkeypatch.setattr(guided, "CHILD", [str(child)])
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    (outcome,) = guided.guided(2, SEED, ["json"], keep=tmp_path / "kept")
    assert len(outcome.found) == 1
    assert said in outcome.found[0]
    kept = [path.name for path in (tmp_path / "kept").glob("*")] if "exit" not in said else ["json"]
    assert kept
    assert all(name.startswith("json") for name in kept)


def test_the_seconds_are_shared_among_the_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[int] = []
    monkeypatch.setattr(guided, "_one", lambda name, seconds, seed, keep: shares.append(seconds))
    list(guided.guided(60, 1, ["json", "fhir", "e2b_r2", "e2b_r3", "openfda", "ndjson", "json"]))
    assert sum(shares) == 60
    assert max(shares) - min(shares) <= 1
