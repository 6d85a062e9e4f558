"""Pairs as a market of products reports them: most near what is expected, a few far above."""

from __future__ import annotations

import random


def pairs(count: int, seed: int = 6, products: int = 25, events: int = 30) -> list[tuple[int, int]]:
    """(product, event) of each of `count` cases, by number; the prior of EBGM has a fit to them.

    A pair's reporting ratio is drawn from two gammas, as that prior has it.
    """
    chance = random.Random(seed)
    cells = [(p, e) for p in range(products) for e in range(events)]
    weights = [
        1 / (p + 3) / (e + 3)
        * (chance.gammavariate(2, 3) if chance.random() < 0.08 else chance.gammavariate(2, 0.4))
        for p, e in cells
    ]  # fmt: skip
    return chance.choices(cells, weights, k=count)
