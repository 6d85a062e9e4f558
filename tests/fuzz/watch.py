"""Runs targets in processes of their own, and watches them: for crashes, hangs and memory."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, Any

from tests.fuzz.targets import NAMES, target

CHILD = ["-m", "tests.fuzz.child"]
CHUNK = 2_000  # inputs of one process
HANG = 60.0  # seconds without a further input: other work may have the machine
MEMORY = 512  # MB of the process at its peak


@dataclass
class Outcome:
    """What became of the inputs of a target."""

    name: str
    inputs: int = 0
    words: Counter[str] = field(default_factory=Counter)
    megabytes: float = 0.0
    broken: list[str] = field(default_factory=list)


def fuzz(inputs: int, seed: int, names: Sequence[str] = NAMES) -> Iterator[Outcome]:
    """Outcomes of the targets, the inputs shared evenly among them."""
    for i, name in enumerate(names):
        share = inputs // len(names) + (i < inputs % len(names))
        outcome = Outcome(name)
        for first in range(0, share, CHUNK):
            _chunk(outcome, seed, first, min(CHUNK, share - first))
        yield outcome


def content(name: str, seed: int, number: int) -> bytes:
    """An input again."""
    with target(name) as held:
        return held.make(random.Random(f"{seed} {name} {number}"))


def _chunk(outcome: Outcome, seed: int, first: int, count: int) -> None:
    """One process after the other, until each input was given or has broken something."""
    end = first + count
    while first < end:
        command = [sys.executable, *CHILD, outcome.name, str(seed)]
        process = subprocess.Popen(
            [*command, str(first), str(end - first)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        assert process.stderr is not None
        seen = _Seen()
        reader = Thread(target=seen.read, args=(process.stdout,), daemon=True)
        reader.start()
        errors: list[str] = []
        collector = Thread(target=errors.extend, args=(process.stderr,), daemon=True)
        collector.start()
        while process.poll() is None and time.monotonic() - seen.at < HANG:
            time.sleep(0.05)
        hung = process.poll() is None
        process.kill()
        process.wait()
        reader.join(10)
        collector.join(10)
        process.stdout.close()
        process.stderr.close()
        if seen.result is not None:
            outcome.inputs += end - first
            outcome.words.update(seen.result["words"])
            outcome.megabytes = max(outcome.megabytes, seen.result["megabytes"])
            if seen.result["megabytes"] > MEMORY:
                outcome.broken.append(f"inputs {first} to {end - 1}: {outcome.megabytes:.0f} MB")
            return
        said = [line.strip() for line in errors if line.strip()][-1:]
        said = said or [f"exit {process.returncode}"]
        outcome.broken.append(f"input {seen.number}: {'no answer' if hung else said[0]}")
        outcome.inputs += seen.number + 1 - first
        first = max(seen.number, first) + 1


class _Seen:
    """What a process said last."""

    def __init__(self) -> None:
        self.number, self.at = -1, time.monotonic()
        self.result: dict[str, Any] | None = None

    def read(self, lines: IO[str]) -> None:
        for line in lines:
            self.at = time.monotonic()
            if line.startswith("{"):
                self.result = json.loads(line)
            else:
                self.number = int(line)
