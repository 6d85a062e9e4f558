"""Small envelopes share a run of the quality suite; full ones keep it to a bounded size."""

from __future__ import annotations

from schemas.envelope import VERSION, Entry, Envelope
from streams.agents.intake import RECORDS, batches
from streams.agents.items import Taken

ENTRY = Entry(0, "clinic-a", "push", 0.0, b"", b"", b"", "A-1")


def _taken(*sizes: int) -> list[Taken]:
    return [
        Taken(0, offset, Envelope(VERSION, "reports", (ENTRY,) * size))
        for offset, size in enumerate(sizes)
    ]


def test_many_small_envelopes_are_one_batch() -> None:
    assert [len(batch) for batch in batches(_taken(*[5] * 64))] == [64]


def test_full_envelopes_are_cut_into_batches_in_order_and_none_is_lost() -> None:
    taken = _taken(*[500] * 20)
    cut = list(batches(taken))
    assert [len(batch) for batch in cut] == [8, 8, 4]
    assert [one for batch in cut for one in batch] == taken
    assert all(sum(len(t.envelope.records) for t in batch) <= RECORDS for batch in cut)


def test_an_envelope_is_never_cut() -> None:
    assert [len(batch) for batch in batches(_taken(RECORDS + 1, 1))] == [1, 1]


def test_nothing_taken_is_no_batch() -> None:
    assert list(batches([])) == []
