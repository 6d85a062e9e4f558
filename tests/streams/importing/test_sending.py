"""Records of files in the log: in order, sealed, in full envelopes, with their faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.envelope import MAX_ENVELOPE_BYTES, MAX_RECORDS, Entry, decode_envelope
from schemas.errors import InputError
from schemas.formats import SourceRecord, read
from schemas.record import check
from streams.importing import Sending
from streams.log import Log, open_log, partition_of
from streams.sealing import Sealer
from streams.settings import Settings
from tests.schemas.formats.e2b import batch, message

SEALER = Sealer(bytes(32))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.read(data=tmp_path)


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    opened = open_log(settings.broker)
    opened.ensure_topics(settings.topics())
    yield opened
    opened.close()


def line(number: int, **changes: object) -> bytes:
    return json.dumps(
        {
            "sender": "clinic-a",
            "report_id": f"A-{number}",
            "received_at": "2025-07-03",
            "products": [{"name": "Spravato"}],
            "reactions": [{"term": "Dissociation"}],
        }
        | changes
    ).encode()


def file_of(tmp_path: Path, lines: list[bytes]) -> Path:
    path = tmp_path / "reports.ndjson"
    path.write_bytes(b"\n".join(lines))
    return path


def sent(log: Log, path: Path, sender: str | None = None) -> Sending:
    sending = Sending(log, SEALER, 4)
    sending.send(read(path, sender=sender), lambda: None)
    return sending


def envelopes(log: Log, topic: str = "reports") -> dict[int, list[tuple[Entry, ...]]]:
    """Each partition's envelopes."""
    return {
        partition: [
            decode_envelope(message.value or b"").records
            for message in log.read(topic, partition, 0, 10_000)
        ]
        for partition in range(4)
    }


def entries(log: Log, topic: str = "reports") -> list[Entry]:
    """Every record in the order of the file."""
    found = [e for runs in envelopes(log, topic).values() for run in runs for e in run]
    return sorted(found, key=lambda entry: entry.index)


def test_every_record_is_in_the_log_once_sealed_and_in_the_order_of_the_file(
    log: Log, tmp_path: Path
) -> None:
    lines = [line(n % 700, version=n) for n in range(3_000)]
    sending = sent(log, file_of(tmp_path, lines))
    assert sending.records == sum(place.records for place in sending.places) == 3_000
    assert [SEALER.open(e.sealed, e.wrapped_key) for e in entries(log)] == lines
    for runs in envelopes(log).values():
        indices = [entry.index for run in runs for entry in run]
        assert indices == sorted(indices)
        assert all(len(run) == MAX_RECORDS for run in runs[:-1])


def test_a_record_is_in_the_partition_of_its_case_with_what_it_was_checked_to_be(
    log: Log, tmp_path: Path
) -> None:
    sent(log, file_of(tmp_path, [line(n) for n in range(40)]))
    for partition, runs in envelopes(log).items():
        for entry in (entry for run in runs for entry in run):
            raw = SEALER.open(entry.sealed, entry.wrapped_key)
            whole = check("reports", raw, sender="clinic-a", taken_at=NOW)
            assert partition_of(f"clinic-a\x1f{entry.record_id}".encode(), 4) == partition
            assert entry.content_hash == whole.content_hash
            assert SEALER.disclose(entry.body) == whole.body != entry.body
            assert (entry.origin, entry.faults, entry.sender) == ("import", (), "clinic-a")


def test_places_say_where_the_records_lie(log: Log, tmp_path: Path) -> None:
    sending = sent(log, file_of(tmp_path, [line(n) for n in range(2_500)]))
    for stream, partition, offset, records in sending.places:
        (message,) = log.read(stream, partition, offset, 1)
        assert len(decode_envelope(message.value or b"").records) == records


def test_a_record_at_fault_goes_along_with_its_faults_and_its_place(
    log: Log, tmp_path: Path
) -> None:
    bad = [
        b"{broken",
        line(1, sender="clinic-b"),
        line(2, received_at="2999-01-01"),
        line(3, products=[]),
    ]
    sent(log, file_of(tmp_path, [line(0), *bad]), sender="clinic-a")
    good, *held = entries(log)
    assert good.faults == ()
    assert [entry.faults[0][0] for entry in held] == [
        "malformed_json",
        "another_sender",
        "future_date",
        "no_product",
    ]
    assert [entry.faults[0][2].endswith(f"(reports.ndjson:{n})") for n, entry in enumerate(held, 2)]
    assert [entry.record_id for entry in held] == [None, "A-1", "A-2", "A-3"]
    assert all(entry.body == b"" for entry in held)
    assert [SEALER.open(entry.sealed, entry.wrapped_key) for entry in held] == bad


def test_a_fault_that_is_found_late_names_the_data_element_of_the_senders_format(
    log: Log, tmp_path: Path
) -> None:
    path = tmp_path / "batch.xml"
    path.write_text(batch([message("A-1"), message("A-2", received="29990101")]), "utf-8")
    sent(log, path)
    good, held = entries(log)
    assert good.faults == ()
    assert [(code, element) for code, element, _ in held.faults] == [("future_date", "C.1.5")]
    assert held.record_id == "A-2"


def test_rows_of_a_table_are_sealed_as_json_of_their_columns(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(
        "primaryid,caseid,caseversion,fda_dt,drugname,pts\n11,1,1,20250703,KETALAR,Nausea\n"
        "21,2,1,,KETALAR,Nausea\n"
    )
    sent(log, path)
    good, held = entries(log)
    assert json.loads(SEALER.open(good.sealed, good.wrapped_key)) == {
        "primaryid": "11",
        "caseid": "1",
        "caseversion": "1",
        "fda_dt": "20250703",
        "drugname": "KETALAR",
        "pts": "Nausea",
    }
    assert json.loads(SEALER.disclose(good.body))["sender"] == "import:faers_csv"
    assert [fault[:2] for fault in held.faults] == [("missing", "received_at")]
    assert held.record_id == "2"


def test_envelopes_of_large_records_stay_within_their_limit(log: Log, tmp_path: Path) -> None:
    sent(log, file_of(tmp_path, [line(n, narrative="x" * 99_000) for n in range(200)]))
    sizes = [
        len(message.value or b"")
        for partition in range(4)
        for message in log.read("reports", partition, 0, 1_000)
    ]
    assert max(sizes) <= MAX_ENVELOPE_BYTES
    assert len(entries(log)) == 200


def test_follow_up_records_go_to_their_topic(log: Log, tmp_path: Path) -> None:
    dose = {
        "registry": "registry-a",
        "record_id": "R-1",
        "patient": "P-1",
        "course": "1",
        "at": "2025-07-03T10:00:00Z",
        "kind": "dose",
        "product": "Spravato",
        "dose_mg": 56,
    }
    sent(log, file_of(tmp_path, [line(0), json.dumps(dose).encode()]))
    assert [entry.record_id for entry in entries(log, "followups")] == ["R-1"]
    assert [entry.record_id for entry in entries(log)] == ["A-0"]


def test_what_came_before_the_damage_of_a_file_is_appended(log: Log, tmp_path: Path) -> None:
    whole = list(read(file_of(tmp_path, [line(n) for n in range(1_200)])))

    def broken() -> Iterator[SourceRecord]:
        yield from whole
        raise InputError("damaged_file", "reports.ndjson is damaged")

    sending = Sending(log, SEALER, 4)
    with pytest.raises(InputError):
        sending.send(broken(), lambda: None)
    assert sum(place.records for place in sending.places) == len(entries(log)) == 1_200
