"""Many faults in turn: `python -m tests.faults.run --faults 100 --seed 1 --report faults.ndjson`.

Every kind once before any comes again, in an order that the seed decides. Exit 1 where one did
harm. The report has a line of what they amount to, then one for each.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.faults.faults import FAULTS
from tests.faults.harness import Fault, broken_cluster, written


def order(count: int, seed: int) -> list[str]:
    """The names of that many faults.

    >>> sorted(order(len(FAULTS), 7)) == sorted(FAULTS)
    True
    """
    chance = random.Random(seed)
    names: list[str] = []
    while len(names) < count:
        names += chance.sample(sorted(FAULTS), len(FAULTS))
    return names[:count]


def line(one: Fault) -> str:
    """A fault as it is printed."""
    said = "ok" if one.harmless else f"HARM: {one.missing} missing, {', '.join(one.failed)}"
    return (
        f"{one.number:>4} {one.fault:<17} {one.target:<18} recovered {one.recovered:6.1f} s,"
        f" {one.in_flight:>5} in flight, {one.records:>7} records  {said}\n"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run, print a line for each fault, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description=__doc__)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=sorted(FAULTS), action="append")
    parser.add_argument("--report", type=Path, default=Path("faults.ndjson"))
    given = parser.parse_args(arguments)
    names = (given.only * given.faults)[: given.faults] if given.only else None
    names = names or order(given.faults, given.seed)
    done: list[Fault] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and end what was started
    with tempfile.TemporaryDirectory(prefix="ketavigil-faults-") as folder:
        try:
            with broken_cluster(Path(folder), seed=given.seed, workers=given.workers) as broken:
                for number, name in enumerate(names, 1):
                    one = broken.strike(number, name, FAULTS[name])
                    done.append(one)
                    sys.stdout.write(line(one))
                    sys.stdout.flush()
        except BaseException:
            for path in sorted(Path(folder).glob("*.err")):
                sys.stderr.write(f"== {path.name}\n{path.read_text()[-3000:]}\n")
            raise
        finally:
            written(done, given.report, seed=given.seed)
    return 0 if all(one.harmless for one in done) else 1


if __name__ == "__main__":
    sys.exit(main())
