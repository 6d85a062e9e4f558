"""`python -m tests.fuzz.guided_child READER SECONDS SEED CORPUS FOUND`: inputs led by coverage.

What the readers run is instrumented; libFuzzer keeps each input that reaches something new in the
corpus, and makes the next ones from those. What breaks a law is kept in FOUND, one of each kind.
"""

from __future__ import annotations

import logging
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["schemas.formats", "schemas.record", "schemas.times"]):
    import schemas.formats
    import schemas.record  # noqa: F401

from tests.fuzz.mutation import WORDS, mutated
from tests.fuzz.targets import Reader, target

LONGEST = 1 << 14  # bytes of an input: small ones are quick, and break the same laws
MEMORY, HANG = 512, 20


def guide(
    give: Callable[[bytes], object],
    seeds: list[bytes],
    *,
    seconds: int,
    seed: int,
    corpus: Path,
    found: Path,
) -> None:
    """Give inputs for so many seconds; never returns, libFuzzer ends the process."""
    for i, content in enumerate(seeds):
        (corpus / f"seed-{i}").write_bytes(content)
    words = found / "words.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS if word))
    kinds: set[str] = set()

    def one(content: bytes) -> None:
        try:
            give(content)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
            if kind not in kinds:
                kinds.add(kind)
                name = f"finding-{len(kinds)}"
                (found / name).write_bytes(content)
                (found / f"{name}.txt").write_text(f"{kind}: {error}")

    def mutate(content: bytes, longest: int, number: int) -> bytes:
        """Of two inputs one is changed as the other fuzzer does, which knows words and pieces."""
        if number % 2:
            return bytes(atheris.Mutate(content, longest))
        return mutated([content, *seeds], random.Random(number))[:longest]

    options = {
        "max_total_time": seconds,
        "seed": seed,
        "max_len": LONGEST,
        "timeout": HANG,
        "rss_limit_mb": MEMORY,
        "dict": words,
        "artifact_prefix": f"{found}/finding-",
        "print_final_stats": 1,
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def main(name: str, seconds: str, seed: str, corpus: str, found: str) -> None:
    """Guide one reader."""
    logging.disable(logging.CRITICAL)
    with target(name) as reader:
        assert isinstance(reader, Reader)
        chance = random.Random(seed)
        seeds = [reader.make(chance) for _ in range(50)]
        guide(
            reader.give,
            [*reader.seeds, *seeds],
            seconds=int(seconds),
            seed=int(seed),
            corpus=Path(corpus),
            found=Path(found),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
