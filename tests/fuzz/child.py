"""`python -m tests.fuzz.child TARGET SEED FIRST COUNT`: gives inputs, and says which."""

from __future__ import annotations

import json
import logging
import sys

from streams.bench.scoring import peak
from tests.fuzz.targets import run


def main(name: str, seed: str, first: str, count: str) -> None:
    """Print the number of each input before it is given, then a line of JSON."""
    logging.disable(logging.CRITICAL)

    def tell(number: int) -> None:
        print(number, flush=True)

    words = run(name, int(seed), int(first), int(count), tell)
    print(json.dumps({"words": words, "megabytes": peak()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
