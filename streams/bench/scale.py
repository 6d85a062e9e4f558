"""What the detector costs as cases grow: a report, memory, a rebuild, a full score.

Synthetic cases of one dataset: products and events drawn by Zipf's law from vocabularies of a fixed
size, about two products and three events a case, every hundredth with a watched product. What is
measured is the casebook with its scores; the store adds the same to every report whatever the size.
A report is one of a batch of 50, as they come live: applied, then the watched pairs that it moved
are scored again. How many those are is told beside it: with few cases most watched pairs have no
report yet, and are not scored; the cost grows by them until all are there.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from statistics import median

import numpy as np
from tqdm import tqdm

from detectors.casebook import Casebook, CaseContent
from detectors.disproportionality.table import score
from streams.bench.rows import Row, at_least, at_most
from streams.bench.scoring import peak

PRODUCTS, EVENTS = 2_000, 3_000
OWN = ("ketamine", "esketamine", "arketamine")
WATCHED = frozenset(OWN)
DATASET = "spontaneous"
BATCH, BATCHES = 50, 60
AT_ONCE = 50_000
FIRST_DAY = 730_000


def run(largest: int, seed: int) -> list[Row]:
    """Rows at each power of ten from 10,000 to `largest` cases."""
    sizes = [10**i for i in range(4, 12) if 10**i < largest] + [largest]
    book = Casebook()
    cases = drawn(seed)
    gc.collect()
    before, rows, least = peak(), [], 0.0
    with tqdm(total=largest, desc="cases", unit="case", disable=None, leave=False) as bar:
        for size in sizes:
            while len(book) < size:
                book.apply(*next(cases))
                if len(book) % AT_ONCE == 0:
                    bar.update(AT_ONCE)
            memory = (peak() - before) * 1e6 / size
            each, pairs = cost(book, cases)
            least = least or each
            rows += at(size, book, each, least, memory, last=size == sizes[-1])
            rows.append(Row(f"moved_{size}", pairs, f"watched pairs scored in {BATCH} reports"))
    rows.append(rebuild(min(largest, 1_000_000), seed))
    return rows


def drawn(seed: int) -> Iterator[tuple[int, int, CaseContent]]:
    """Case, revision and content, without end."""
    rng = np.random.default_rng([seed, 8])
    products = [f"product {i}" for i in range(PRODUCTS)]
    events = [f"event {i}" for i in range(EVENTS)]
    number = 0
    while True:
        product = _zipf(rng, PRODUCTS, (AT_ONCE, 2))
        event = _zipf(rng, EVENTS, (AT_ONCE, 3))
        day = rng.integers(FIRST_DAY, FIRST_DAY + 3650, AT_ONCE)
        own = rng.random(AT_ONCE)
        for (p, q), terms, at, share in zip(
            product.tolist(), event.tolist(), day.tolist(), own.tolist(), strict=True
        ):
            first = OWN[int(share * 300)] if share < 0.01 else products[p]
            named = (first,) if share > 0.5 else (first, products[q])
            content = CaseContent(
                DATASET,
                tuple((name, at) for name in dict.fromkeys(named)),
                tuple((events[e], at) for e in dict.fromkeys(terms)),
            )
            yield number, 1, content
            number += 1


def _zipf(rng: np.random.Generator, size: int, shape: tuple[int, int]) -> np.ndarray:
    """Ranks of which the r-th has a chance of about 1 / r."""
    return np.minimum((size + 1) ** rng.random(shape), size).astype(np.int64) - 1


def cost(book: Casebook, cases: Iterator[tuple[int, int, CaseContent]]) -> tuple[float, float]:
    """Seconds a report, live, and the watched pairs that a batch of them moves."""
    took, pairs = [], []
    for _ in range(BATCHES):
        batch = [next(cases) for _ in range(BATCH)]
        began = time.process_time()
        products: set[str] = set()
        events: set[str] = set()
        for case in batch:
            for _, moved, also in book.apply(*case).parts:
                products.update(moved)
                events.update(also)
        table = book.moved(DATASET, WATCHED, products, events)
        score(table)
        took.append((time.process_time() - began) / BATCH)
        pairs.append(len(table))
    return median(took), median(pairs)


def at(
    size: int, book: Casebook, each: float, least: float, memory: float, *, last: bool
) -> list[Row]:
    """The rows of one size; the goals are those of the largest."""
    growth = each / least
    goal = at_most(1.3, "times", growth) if last else {}
    held = at_most(300, "bytes", memory) if last else {}
    began = time.process_time()
    table = book.table(DATASET)
    score(table)
    whole = time.process_time() - began
    against = "a report at 10,000 cases"
    return [
        Row(f"report_{size}", each * 1e6, "us of CPU", against, growth, None, **goal),
        Row(f"memory_{size}", memory, "bytes a case", None, None, None, **held),
        Row(f"score_all_{size}", whole, "s of CPU", f"{len(table):,} pairs", None, None),
    ]


def rebuild(size: int, seed: int) -> Row:
    """A casebook of many cases at once, as a detector begins."""
    cases = drawn(seed)
    held = [next(cases) for _ in range(size)]
    began = time.process_time()
    Casebook.of(held)
    rate = size / (time.process_time() - began)
    goal = at_least(100_000, "cases/s", rate)
    return Row("rebuild", rate, "cases/s", f"{size:,} cases in memory", None, None, **goal)
