"""What a receipt tells, from the store alone, and to whom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, update

from streams.gateway.receipts import Place, Receipts
from streams.gateway.refusals import Refusal
from streams.sealing import Sealer
from streams.store import tables
from tests.streams.gateway.serving import SENDER, Serving, dose, report

RECEIPTS = Receipts(Sealer(bytes(32)))
PLACES = st.lists(
    st.builds(Place, st.integers(0, 11), st.integers(0, 2**40), st.integers(1, 500)),
    min_size=1,
    max_size=50,
)


@given(places=PLACES, stream=st.sampled_from(["reports", "followups"]), sender=st.text(min_size=1))
def test_an_id_says_where_the_envelopes_lie(places: list[Place], stream: Any, sender: str) -> None:
    sender = sender.encode("utf-8", "replace").decode()
    receipt = RECEIPTS.give(stream, sender, places)
    assert RECEIPTS.read(receipt, sender) == (stream, places)


@given(place=st.integers(0, 200), letter=st.sampled_from("AZaz09-_"))
def test_an_id_that_was_changed_is_no_receipt(place: int, letter: str) -> None:
    receipt = RECEIPTS.give("reports", SENDER, [Place(0, 1, 2), Place(3, 9, 500)])
    place %= len(receipt)
    changed = receipt[:place] + letter + receipt[place + 1 :]
    # the last letter holds bits that stand for nothing
    if changed == receipt or place == len(receipt) - 1:
        return
    with pytest.raises(Refusal) as refusal:
        RECEIPTS.read(changed, SENDER)
    assert refusal.value.code == "no_such_receipt"


@pytest.mark.parametrize("made_up", ["", "AZ", "x" * 40, "é" * 30, "AAAA" * 20, "../../etc"])
def test_an_id_that_was_made_up_is_no_receipt(made_up: str) -> None:
    with pytest.raises(Refusal, match="no such receipt"):
        RECEIPTS.read(made_up, SENDER)


def test_another_master_key_gives_other_ids() -> None:
    receipt = RECEIPTS.give("reports", SENDER, [Place(0, 1, 2)])
    with pytest.raises(Refusal):
        Receipts(Sealer(b"k" * 32)).read(receipt, SENDER)


def dispose(
    gateway: Serving, stream: str, consumer: str, became: list[str], first: int = 1
) -> None:
    """Write into the store what an agent would have made of the records in the log, in order.

    `became`: of each record what it became, the case being its own.
    """
    number = first - 1
    with gateway.store.write() as connection:
        for message, envelope in zip(
            gateway.stored(stream), gateway.envelopes(stream), strict=True
        ):
            for place, entry in enumerate(envelope.records):
                number += 1
                connection.execute(
                    insert(tables.records),
                    [
                        {
                            "id": number,
                            "stream": stream,
                            "partition": message.partition,
                            "offset": message.offset,
                            "place": place,
                            "request_index": entry.index,
                            "sender": entry.sender,
                            "origin": "push",
                            "taken_at": entry.taken_at,
                            "sealed": entry.sealed,
                            "wrapped_key": entry.wrapped_key,
                            "sealed_hash": entry.sealed_hash,
                        }
                    ],
                )
                _became(connection, stream, number, entry.record_id, became[entry.index])
            connection.execute(
                tables.positions.delete().where(
                    tables.positions.c.topic == stream,
                    tables.positions.c.partition == message.partition,
                )
            )
            position = {
                "consumer": consumer,
                "topic": stream,
                "partition": message.partition,
                "log_id": "x",
                "next_offset": message.offset + 1,
            }
            connection.execute(insert(tables.positions), [position])


def _became(
    connection: Connection, stream: str, number: int, record_id: str | None, became: str
) -> None:
    if became == "quarantined":
        row = {
            "id": number,
            "stage": "gateway",
            "code": "no_product",
            "report_id": record_id,
            "faults": json.dumps([["no_product", "", "a report needs one"]]).encode(),
            "held_at": 0.0,
        }
        connection.execute(insert(tables.quarantine), [row])
        return
    version = number
    if became == "duplicate":
        version = 1_000_000 + number
        connection.execute(insert(tables.duplicates), [{"id": number, "version_id": version}])
    row = {
        "id": version,
        "case_id": number,
        "version": None,
        "information_date": "2025",
        "sort_key": "",
        "content_hash": b"",
        "status": "nullified" if became == "nullified" else "active",
        "version_conflict": False,
        "body": b"",
        "coded": b"",
    }
    connection.execute(insert(tables.versions), [row])
    case = {
        "id": number,
        "key": f"{stream} {number}",
        "stream": stream,
        "sender": SENDER,
        "report_id": record_id,
        "newest": 0 if became == "superseded" else version,
        "revision": 1,
    }
    connection.execute(insert(tables.cases), [case])


BECAME = ["counted", "superseded", "nullified", "duplicate", "quarantined", "counted"]


def test_every_record_is_pending_until_it_is_disposed_of(gateway: Serving) -> None:
    records = [report(report_id=f"A-{i}") for i in range(6)]
    with gateway.client() as client:
        receipt = client.post("/v1/reports", json=records).json()["receipt_id"]
        before = client.get(f"/v1/receipts/{receipt}")
        dispose(gateway, "reports", "intake", BECAME)
        after = client.get(f"/v1/receipts/{receipt}").json()
    assert before.status_code == 200
    assert before.json()["receipt_id"] == receipt
    assert [r["disposition"] for r in before.json()["records"]] == ["pending"] * 6
    assert before.json()["summary"]["pending"] == before.json()["summary"]["received"] == 6
    assert [r["disposition"] for r in after["records"]] == BECAME
    assert [r["index"] for r in after["records"]] == list(range(6))
    assert [r["id"] for r in after["records"]] == [f"A-{i}" for i in range(6)]
    assert after["records"][4]["errors"] == [
        {"code": "no_product", "path": "", "message": "a report needs one"}
    ]
    assert after["summary"] == {
        "received": 6,
        "counted": 2,
        "superseded": 1,
        "nullified": 1,
        "duplicate": 1,
        "quarantined": 1,
        "pending": 0,
    }


def test_the_law_of_conservation_holds_half_way(gateway: Serving) -> None:
    records = [report(report_id=f"A-{i}") for i in range(40)]
    with gateway.client() as client:
        receipt = client.post("/v1/reports", json=records).json()["receipt_id"]
        dispose(gateway, "reports", "intake", ["counted"] * 40)
        # partition 0 was not read yet
        with gateway.store.write() as connection:
            connection.execute(
                update(tables.positions)
                .where(tables.positions.c.partition == 0)
                .values(next_offset=0)
            )
        found = client.get(f"/v1/receipts/{receipt}").json()
    summary = found["summary"]
    assert summary["pending"] == len(gateway.envelopes()[0].records) > 0
    assert summary["received"] == summary["pending"] + summary["counted"] == 40
    pending = {r["index"] for r in found["records"] if r["disposition"] == "pending"}
    assert pending == {entry.index for entry in gateway.envelopes()[0].records}


def test_follow_up_records_are_looked_up_by_their_own_agent(gateway: Serving) -> None:
    with gateway.client() as client:
        receipt = client.post("/v1/followups", json=dose()).json()["receipt_id"]
        dispose(gateway, "followups", "follow_up", ["counted"])
        found = client.get(f"/v1/receipts/{receipt}").json()
    assert (found["stream"], found["records"][0]["disposition"]) == ("followups", "counted")


def test_a_rejected_request_has_a_receipt_too(gateway: Serving) -> None:
    with gateway.client() as client:
        answer = client.post(
            "/v1/reports", content=b"{", headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422
        found = client.get(f"/v1/receipts/{answer.json()['receipt_id']}")
    assert found.json()["summary"]["pending"] == 1


def test_nobody_reads_the_receipt_of_another_sender(gateway: Serving) -> None:
    with gateway.client() as client, gateway.client("clinic-b") as other:
        receipt = client.post("/v1/reports", json=report()).json()["receipt_id"]
        answer = other.get(f"/v1/receipts/{receipt}")
        unsigned = other.get(f"/v1/receipts/{receipt}", headers={"authorization": ""})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_receipt")
    assert unsigned.status_code == 401


def test_a_record_that_the_store_passed_and_lacks_is_never_called_pending(
    gateway: Serving,
) -> None:
    with gateway.client() as client:
        receipt = client.post("/v1/reports", json=report()).json()["receipt_id"]
        dispose(gateway, "reports", "intake", ["counted"])
        with gateway.store.write() as connection:
            connection.execute(tables.records.delete())
        assert client.get(f"/v1/receipts/{receipt}").status_code == 500


def test_a_sender_learns_nothing_of_what_another_sent(gateway: Serving) -> None:
    with gateway.client() as own, gateway.client("clinic-b") as other:
        taken = own.post("/v1/reports", json=[report(), report(report_id="A-2", products=[])])
        assert taken.status_code == 202
        number = taken.json()["receipt_id"]
        # neither the receipt, and with it what is in quarantine and why,
        assert own.get(f"/v1/receipts/{number}").status_code == 200
        refused = other.get(f"/v1/receipts/{number}")
        assert (refused.status_code, refused.json()["code"]) == (404, "no_such_receipt")
        # nor whether a record of that id is there: it may not even speak in the other's name
        as_another = other.post("/v1/reports", json=report())
        assert as_another.status_code == 422
        (told,) = as_another.json()["records"]
        assert told["status"] == "rejected"
        assert [error["code"] for error in told["errors"]] == ["another_sender"]
        # and the same id of its own is another record
        same_id = other.post("/v1/reports?validate=true", json=report(sender="clinic-b"))
        assert same_id.json()["records"][0]["status"] == "accepted"
