"""Cost as cases grow: every size has its rows, and the largest has the goals."""

from __future__ import annotations

from itertools import islice

from detectors.casebook import Casebook
from streams.bench import scale


def test_cases_are_the_same_for_a_seed_and_differ_in_number() -> None:
    one, other = (list(islice(scale.drawn(3), 500)) for _ in range(2))
    assert one == other != list(islice(scale.drawn(4), 500))
    assert [number for number, *_ in one] == list(range(500))
    # one in a hundred is of a watched product, within chance
    watched = [c for _, _, c in islice(scale.drawn(3), 20_000) if c.products[0][0] in scale.WATCHED]
    assert 140 < len(watched) < 260


def test_every_size_has_its_rows_and_the_largest_the_goals() -> None:
    rows = {row.name: row for row in scale.run(20_000, 3)}
    for size in (10_000, 20_000):
        assert rows[f"report_{size}"].value > 0
        assert rows[f"memory_{size}"].value >= 0
        assert rows[f"score_all_{size}"].value > 0
    assert rows["report_10000"].ratio == 1
    assert rows["report_10000"].goal is None
    assert rows["report_20000"].goal == "<= 1.3 times"
    assert rows["memory_20000"].goal == "<= 300 bytes"
    assert rows["rebuild"].goal == ">= 100000 cases/s"


def test_what_is_timed_counts_each_case() -> None:
    book = Casebook()
    scale.cost(book, scale.drawn(1))
    assert book.n_total(scale.DATASET) == len(book) == scale.BATCH * scale.BATCHES
