"""Whatever is sent is refused whole or kept whole: nothing is lost in between."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import VERSION, Entry, Envelope, decode_envelope, encode, split
from schemas.record import STREAMS, Stream
from streams.gateway import bodies, taking
from streams.gateway.limits import Limits
from streams.gateway.refusals import Refusal
from streams.sealing import Sealer
from tests.streams.gateway.serving import SENDER, dose, report

SEALER = Sealer(bytes(32))
NOW = 1_800_000_000.0

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["9999-12-31T23:59:59-14:00", "0001-01-01", "2025-W01", "²025-07-03T10:00Z", "2025-07-03T"]
    ),
)
VALUES = st.recursive(
    ODD, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3)
)
FORMS: st.SearchStrategy[bodies.Form] = st.sampled_from(
    ["application/json", "application/x-ndjson"]
)


def _kept(stream: Stream, body: bytes, form: bodies.Form, packed: bool) -> list[bytes] | None:
    """The bytes of each record as they lie in the log; None where the body is refused."""
    try:
        parsed = bodies.parse(body, form, packed, Limits(), SENDER)
    except Refusal:
        return None
    judged = taking.judge(stream, parsed, sender=SENDER, taken_at=NOW, sealer=SEALER)
    assert [record.entry.index for record in judged] == list(range(len(parsed.records)))
    told = taking.answers(judged, set())
    # both can be written: the answer as JSON, the envelopes as MessagePack
    msgspec.json.encode(told)
    entries: list[Entry] = []
    for run in split([record.entry for record in judged]):
        entries += decode_envelope(encode(Envelope(VERSION, stream, run))).records
    for record, entry in zip(told, entries, strict=True):
        assert (record["status"] == "rejected") == bool(entry.faults) == (entry.body == b"")
        assert all(error["code"] and error["message"] for error in record["errors"])
    return [SEALER.open(entry.sealed, entry.wrapped_key) for entry in entries]


@given(
    body=st.binary(max_size=200) | st.text('[]{},:"\\u0 1e.-nultr', max_size=60).map(str.encode),
    form=FORMS,
    packed=st.booleans(),
    stream=st.sampled_from(STREAMS),
)
def test_any_bytes_are_refused_or_kept(
    body: bytes, form: bodies.Form, packed: bool, stream: Stream
) -> None:
    kept = _kept(stream, body, form, packed)
    if kept is None:
        # only what holds nothing is refused; a limit is out of reach here
        assert packed or not body.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n[]")
    else:
        assert kept
        assert all(raw in body for raw in kept)


@given(
    parts=st.lists(
        st.sampled_from(
            b"<MCCI_IN200100UV01>|<PORR_IN049016UV>|</PORR_IN049016UV>|<ichicsr>|<safetyreport>|"
            b'</safetyreport>|</ichicsr>|<!--|<a b=\'|\xff|{"resourceType":"AdverseEvent"|'
            b'{"resourceType":"Bundle","entry":[|]}|{'.split(b"|")
        ),
        max_size=8,
    ),
    form=st.sampled_from(["application/xml", "application/fhir+json"]),
)
def test_any_bytes_of_another_format_are_refused_or_kept(
    parts: list[bytes], form: bodies.Form
) -> None:
    body = b"\n".join(parts)
    kept = _kept("reports", body, form, packed=False)
    if kept is None:
        # no message in a sound batch, or no event among sound resources
        assert not body or b"<" in body or b"{" in body
    else:
        assert kept
        assert all(kept)


@given(values=st.lists(VALUES, min_size=1, max_size=4), stream=st.sampled_from(STREAMS))
def test_any_list_keeps_every_element(values: list[Any], stream: Stream) -> None:
    texts = [json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") for value in values]
    body = b"[" + b" ,".join(texts) + b"]"
    kept = _kept(stream, body, "application/json", False)
    assert kept in (texts, [body])  # one by one; or whole, where NaN is no JSON


@settings(max_examples=300)
@given(data=st.data(), stream=st.sampled_from(STREAMS))
def test_a_record_with_any_value_anywhere_is_kept(data: st.DataObject, stream: Stream) -> None:
    record = report(patient={}, narrative="n") if stream == "reports" else dose(biomarkers=[])
    spoilt = data.draw(st.sampled_from(sorted(record)))
    raw = json.dumps(record | {spoilt: data.draw(VALUES)}).encode()
    assert _kept(stream, raw, "application/x-ndjson", False) == [raw]
