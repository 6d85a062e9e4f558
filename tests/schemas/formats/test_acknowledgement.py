"""The acknowledgement: one answer a message, each element where the reference has it."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring, parse

import pytest

from schemas.errors import Fault
from schemas.formats import e2b_r3
from schemas.formats.acknowledgement import Told, acknowledge
from schemas.formats.source import Source
from tests.schemas.formats.e2b import batch, message
from tests.schemas.formats.paths import found_at
from tests.support import shared

NOT_A_DATE = Fault("not_a_date", "C.1.5", "no moment")


def answered(*told: Told, content: str) -> Element:
    return fromstring(
        acknowledge(content.encode(), told, number="ACK-1", created="2025-07-05T10:15:00Z")
    )


def told(report_id: str, *faults: Fault) -> Told:
    """What was read for a message, and what is told of it."""
    file = BytesIO(batch([message(report_id)]).encode())
    (record,) = e2b_r3.records_of(Source(Path("batch.xml"), "e2b_r3"), file)
    return Told(record.raw, faults)


def at(root: Element, path: str) -> list[str | None]:
    return found_at(root, path)


ACKM = "BATCH/MCCI_IN000002UV01/"


def test_each_message_is_loaded_or_not_with_the_element_at_fault() -> None:
    root = answered(told("A-1"), told("A-2", NOT_A_DATE), content=batch([]))
    assert at(root, f"{ACKM}acknowledgement/@typeCode") == ["CA", "CR"]
    assert at(root, f"{ACKM}acknowledgement/targetMessage/id[@root='~3.1']/@extension") == [
        "A-1",
        "A-2",
    ]
    assert at(root, f"{ACKM}acknowledgement/acknowledgementDetail/text") == [
        "loaded",
        "C.1.5: not_a_date: no moment",
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        # section 3 of the reference
        ("BATCH/id[@root='~3.20']/@extension", "ACK-1"),
        ("BATCH/sender/device/id[@root='~3.17']/@extension", "RECEIVER"),
        ("BATCH/receiver/device/id[@root='~3.18']/@extension", "SENDER"),
        ("BATCH/creationTime/@value", "20250705101500+0000"),
        ("BATCH/acknowledgement/targetBatch/id[@root='~3.22']/@extension", "BATCH-1"),
        ("BATCH/attentionLine[keyWordText[2@~1.24]]/value(II)[@root='~3.21']/@extension", "ACK-1"),
        ("BATCH/attentionLine[keyWordText[3@~1.24]]/value(TS)/@value", "20250704101500+0000"),
        ("BATCH/acknowledgement/@typeCode", "AA"),
        (f"{ACKM}id[@root='~3.19']/@extension", "ACK-1-1"),
        (f"{ACKM}receiver/device/id[@root='~3.16']/@extension", "SENDER"),
        (f"{ACKM}sender/device/id[@root='~3.15']/@extension", "RECEIVER"),
        (f"{ACKM}attentionLine[keyWordText[1@~1.24]]/value(TS)/@value", "20250704101500+0000"),
    ],
)
def test_each_element_stands_where_the_reference_has_it(path: str, value: str) -> None:
    assert at(answered(told("A-1"), content=batch([])), path) == [value]


@pytest.mark.parametrize(
    ("given", "content", "code"),
    [
        ([told("A-1")], batch([]), "AA"),
        ([told("A-1"), told("A-2", NOT_A_DATE)], batch([]), "AE"),
        ([told("A-1", NOT_A_DATE)], batch([]), "AE"),
        ([told("A-1")], batch([])[:-40], "AR"),
        ([], "no batch", "AR"),
    ],
)
def test_the_batch_is_answered_for_all_of_its_messages(
    given: list[Told], content: str, code: str
) -> None:
    root = answered(*given, content=content)
    assert at(root, "BATCH/acknowledgement/@typeCode") == [code]


def test_a_message_that_cannot_be_read_is_answered_without_its_number() -> None:
    broken = Told(b"<r><PORR_IN049016UV", (Fault("malformed_xml", "", "no XML"),))
    root = answered(broken, content=batch([]))
    assert at(root, f"{ACKM}acknowledgement/targetMessage/id/@nullFlavor") == ["UNK"]
    assert at(root, f"{ACKM}acknowledgement/@typeCode") == ["CR"]


def _shape(element: Element) -> Any:
    return element.tag, [_shape(child) for child in element]


def test_it_has_the_elements_of_a_published_one_in_their_order() -> None:
    published = parse(shared("reference/e2b_r3/R3ack-negative.ack")).getroot()
    ours = answered(told("A-1", NOT_A_DATE), content=batch([]))
    assert _shape(ours) == _shape(published)


def test_it_is_valid_by_the_schema_set_of_the_ich() -> None:
    try:
        import xmlschema
    except ImportError:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip("xmlschema is not installed: the schema set was not consulted")
    schema = xmlschema.XMLSchema(
        str(shared("reference/e2b_r3/schema/multicacheschemas/MCCI_IN200101UV01.xsd"))
    )
    for given in ([told("A-1"), told("A-2", NOT_A_DATE)], [Told(b"", (NOT_A_DATE,))], []):
        answer = acknowledge(
            batch([]).encode(), given, number="ACK-1", created="2025-07-05T10:15:00Z"
        )
        assert [str(error.reason) for error in schema.iter_errors(answer.decode())] == []
