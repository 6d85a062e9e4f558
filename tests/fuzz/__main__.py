"""The command: `python -m tests.fuzz --inputs N --seed S [--target NAME] [--keep FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.targets import NAMES
from tests.fuzz.watch import content, fuzz


def main() -> int:
    """Print a line a target; 1 where an input has broken something."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=NAMES)
    parser.add_argument("--keep", type=Path, default=Path("artifacts/fuzz"))
    given = parser.parse_args()
    total, broken = 0, 0
    for outcome in fuzz(given.inputs, given.seed, given.target or NAMES):
        total, broken = total + outcome.inputs, broken + len(outcome.broken)
        words = ", ".join(f"{word} {n:,}" for word, n in outcome.words.most_common(6))
        print(
            f"{outcome.name:<20}{outcome.inputs:>9,} inputs  {outcome.megabytes:4.0f} MB  {words}"
        )
        for one in outcome.broken:
            print(f"  {one}", flush=True)
            number = one.removeprefix("input ").partition(":")[0]
            if number.isdigit():
                given.keep.mkdir(parents=True, exist_ok=True)
                file = given.keep / f"{outcome.name.replace('/', '-').replace(' ', '')}-{number}"
                file.write_bytes(content(outcome.name, given.seed, int(number)))
    print(f"{total:,} inputs, {broken} broke something")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
