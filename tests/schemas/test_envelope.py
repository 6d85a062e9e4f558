"""Envelopes: what goes in comes out, of one version, within its size."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import (
    MAX_ENVELOPE_BYTES,
    MAX_RECORDS,
    VERSION,
    Change,
    Changes,
    CodedEvent,
    CodedProduct,
    Entry,
    Envelope,
    decode_change,
    decode_changes,
    decode_entry,
    decode_envelope,
    encode,
    split,
)
from schemas.errors import LogError


def entry(index: int = 0, sealed: bytes = b"", body: bytes = b"") -> Entry:
    return Entry(index, "clinic-a", "push", 0.0, sealed, b"", b"", "A-1", body=body)


texts = st.text(max_size=20)
entries = st.builds(
    Entry,
    index=st.integers(0, 10**6),
    sender=texts,
    origin=st.sampled_from(["push", "import"]),
    taken_at=st.floats(0, 4e9),
    sealed=st.binary(max_size=40),
    wrapped_key=st.binary(max_size=40),
    sealed_hash=st.binary(max_size=32),
    record_id=st.none() | texts,
    version=st.none() | st.integers(0, 2**31 - 1),
    body=st.binary(max_size=40),
    faults=st.lists(st.tuples(texts, texts, texts), max_size=2).map(tuple),
    replay_of=st.none() | st.integers(0, 2**62),
)
changes = st.builds(
    Change,
    kind=st.sampled_from(["case", "checkpoint"]),
    case_id=st.integers(0, 2**62),
    products=st.lists(
        st.builds(CodedProduct, name=texts, role=texts, day=st.integers(1, 800_000)), max_size=2
    ).map(tuple),
    events=st.lists(
        st.builds(
            CodedEvent, name=texts, day=st.just(1), groups=st.lists(texts, max_size=2).map(tuple)
        ),
        max_size=2,
    ).map(tuple),
    fatal=st.booleans(),
)


@given(st.lists(entries, max_size=4), st.sampled_from(["reports", "followups"]))
def test_an_envelope_comes_back_as_it_was(records: list[Entry], stream: str) -> None:
    sent = Envelope(VERSION, stream, tuple(records))  # type: ignore[arg-type]
    assert decode_envelope(encode(sent)) == sent
    assert [decode_entry(encode(record)) for record in records] == records


@given(st.lists(changes, max_size=4))
def test_changes_come_back_as_they_were(made: list[Change]) -> None:
    sent = Changes(VERSION, tuple(made))
    assert decode_changes(encode(sent)) == sent
    assert [decode_change(encode(change)) for change in made] == made


@pytest.mark.parametrize("decode", [decode_envelope, decode_changes])
def test_another_version_stops_the_taking_and_says_so(decode: object) -> None:
    message = msgspec.msgpack.encode([VERSION + 1, "reports", []])
    with pytest.raises(LogError) as caught:
        decode(message)  # type: ignore[operator]
    assert caught.value.code == "envelope_version"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        b"\x01",
        b"{}",
        msgspec.msgpack.encode([VERSION, "gossip", 3]),
        b"\xa1\x80",
        b"\x91" * 5000,
    ],
)
def test_what_is_no_message_is_damaged(message: bytes) -> None:
    for decode in (decode_envelope, decode_changes):
        with pytest.raises(LogError) as caught:
            decode(message)
        assert caught.value.code == "envelope_damaged"


@given(st.binary(max_size=60))
def test_any_bytes_are_an_envelope_or_refused(message: bytes) -> None:
    outcome = "envelope"
    try:
        decode_envelope(message)
    except LogError as error:
        outcome = error.code
    assert outcome in {"envelope", "envelope_damaged", "envelope_version"}


sizes = st.lists(st.sampled_from([0, 100, 300_000, 900_000, 1_600_000]), max_size=30)


@given(sizes)
def test_split_keeps_every_record_in_order_and_each_run_fits(weights: list[int]) -> None:
    records = [entry(i, bytes(weight)) for i, weight in enumerate(weights)]
    runs = split(records)
    assert [record for run in runs for record in run] == records
    for run in runs:
        assert run
        assert len(run) <= MAX_RECORDS
        size = len(encode(Envelope(VERSION, "reports", run)))
        assert len(run) == 1 or size <= MAX_ENVELOPE_BYTES


@pytest.mark.parametrize(
    ("n", "runs"), [(0, []), (500, [500]), (501, [500, 1]), (1000, [500, 500])]
)
def test_a_run_has_at_most_500_records(n: int, runs: list[int]) -> None:
    assert [len(run) for run in split([entry(i) for i in range(n)])] == runs


def test_an_entry_tells_its_faults() -> None:
    held = msgspec.structs.replace(entry(), faults=(("too_small", "dose_mg", "below zero"),))
    (fault,) = held.errors()
    assert (fault.code, fault.path, fault.message) == ("too_small", "dose_mg", "below zero")
