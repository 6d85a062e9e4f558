"""`python -m tests.fuzz.guided --seconds 60 [--seed S] [--reader NAME]`: led by coverage (atheris).

The XML and JSON readers share the seconds. A line for each says how many inputs it was given and
how much of the code they reached (edges); fails where one broke a law of `tests.fuzz.targets`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

READERS = ("e2b_r3", "e2b_r2", "json", "ndjson", "openfda", "fhir")
CHILD = ["-m", "tests.fuzz.guided_child"]
STARTING = 120.0  # seconds that the process has beside those of the fuzzer
_ENDED = (124, 137)  # what `timeout` says of what it has ended, or had to kill
_STATUS = re.compile(r"^#\d+\s+(\w+)\s+cov: (\d+) .*corp: (\d+)", re.MULTILINE)
_UNITS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_PEAK = re.compile(r"stat::peak_rss_mb:\s*(\d+)")


@dataclass
class Guided:
    """What became of a reader: edges reached by the seeds and in the end."""

    name: str
    inputs: int = 0
    begun: int = 0
    edges: int = 0
    corpus: int = 0
    megabytes: int = 0
    found: list[str] = field(default_factory=list)


def guided(
    seconds: int, seed: int, readers: Sequence[str] = READERS, keep: Path | None = None
) -> Iterator[Guided]:
    """Outcomes of the readers, one after the other; what is found is copied to `keep`."""
    for i, name in enumerate(readers):
        share = seconds // len(readers) + (i < seconds % len(readers))
        if share:
            yield _one(name, share, seed, keep)


def _one(name: str, seconds: int, seed: int, keep: Path | None) -> Guided:
    outcome = Guided(name)
    with tempfile.TemporaryDirectory(prefix="ketavigil-guided-") as folder:
        corpus, found = Path(folder, "corpus"), Path(folder, "found")
        corpus.mkdir()
        found.mkdir()
        # libFuzzer goes by the peak of its memory, which a process has from the one that starts it:
        # from `timeout`, which is small, and not from this one, which may not be
        command = ["timeout", "--kill-after=5", str(seconds + STARTING), sys.executable, *CHILD]
        done = subprocess.run(
            [*command, name, str(seconds), str(seed), str(corpus), str(found)],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode in _ENDED:
            outcome.found.append("no end")
            return outcome
        said = done.stderr
        if units := _UNITS.search(said):
            outcome.inputs = int(units[1])
        if peak := _PEAK.search(said):
            outcome.megabytes = int(peak[1])
        status = _STATUS.findall(said)
        if status:
            outcome.begun = next(int(edges) for word, edges, _ in status if word != "READ")
            outcome.edges, outcome.corpus = (int(number) for number in status[-1][1:])
        kept = sorted(found.glob("finding-*"))
        outcome.found += [
            path.read_text() if path.suffix == ".txt" else path.name
            for path in kept
            if path.suffix == ".txt" or not path.with_name(f"{path.name}.txt").exists()
        ]
        if done.returncode and not outcome.found:
            last = said.strip().splitlines()[-1:] or [""]
            outcome.found.append(f"exit {done.returncode}: {last[0]}")
        if keep and kept:
            keep.mkdir(parents=True, exist_ok=True)
            for path in kept:
                shutil.copy(path, keep / f"{name}-{path.name}")
    return outcome


def main() -> int:
    """Print a line a reader; 1 where something was found, 2 where atheris is not installed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", action="append", choices=READERS)
    parser.add_argument("--keep", type=Path, default=Path("artifacts/fuzz"))
    given = parser.parse_args()
    if find_spec("atheris") is None:
        print("atheris is not installed; it runs on Linux (x86-64) alone", file=sys.stderr)
        return 2
    total = broken = 0
    for one in guided(given.seconds, given.seed, given.reader or READERS, given.keep):
        total, broken = total + one.inputs, broken + len(one.found)
        print(
            f"{one.name:<10}{one.inputs:>10,} inputs  {one.begun:>5} -> {one.edges} edges  "
            f"{one.corpus} kept  {one.megabytes} MB",
            flush=True,
        )
        for what in one.found:
            print(f"  {what}", flush=True)
    print(f"{total:,} inputs, {broken} findings")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
