"""XML declares nothing, includes nothing and reaches nothing: one test each, over every way in."""

from __future__ import annotations

import socket
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.formats import read
from schemas.formats.received import received
from tests.schemas.formats.e2b import batch, ichicsr, message, safetyreport

SECRET = "what stands in another file"
_XI = 'xmlns:xi="http://www.w3.org/2001/XInclude"'
Way = Callable[[Path, str], str]


def _imported(path: Path, content: str) -> str:
    path.write_text(content)
    try:
        found = list(read(path))
    except InputError as error:
        return error.code
    return repr([(record.report, record.faults) for record in found])


def _pushed(path: Path, content: str) -> str:
    found = received(content.encode(), "xml", "clinic-a")
    return repr([(record.report, record.faults) for record in found])


@pytest.fixture(params=[_imported, _pushed], ids=["imported", "pushed"])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


def _both(before: str, narrative: str) -> list[str]:
    """A batch of E2B(R3) and a message of E2B(R2), with an entity where a text stands."""
    r3 = batch([message()], before=before)
    patient = f"<patientinvestigationnumb>{narrative}</patientinvestigationnumb>"
    r2 = ichicsr([safetyreport(patient=patient)], before=before)
    at = r3.index("<name>") + len("<name>")
    return [r3[:at] + narrative + r3[at:], r2]


@contextmanager
def listening() -> Iterator[tuple[str, socket.socket]]:
    """An address on loopback, and the socket that would be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x", server


def test_entities_do_not_expand(way: Way, tmp_path: Path) -> None:
    """A thousand million of a character, if they did."""
    entities = '<!ENTITY e0 "aaaaaaaaaa">'
    entities += "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 9))
    for content in _both(f"<!DOCTYPE x [{entities}]>", "&e8;"):
        tracemalloc.start()
        said = way(tmp_path / "batch.xml", content)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert "dtd_forbidden" in said
        assert peak < 8 << 20


def test_an_entity_within_a_message_is_no_xml(way: Way, tmp_path: Path) -> None:
    for content in _both("", "&undeclared;"):
        assert "malformed_xml" in way(tmp_path / "batch.xml", content)


def test_no_other_file_is_read(way: Way, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text(SECRET)
    for declared in (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "{outside.as_uri()}">]>',
        f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{outside.as_uri()}"> %p;]>',
        f'<!DOCTYPE x SYSTEM "{outside.as_uri()}" [<!ENTITY e SYSTEM "outside.txt">]>',
    ):
        for content in _both(declared, "&e;"):
            said = way(tmp_path / "batch.xml", content)
            assert "dtd_forbidden" in said
            assert SECRET not in said
    included = f'<xi:include {_XI} parse="text" href="outside.txt"/>'
    for content in _both("", included):
        assert SECRET not in way(tmp_path / "batch.xml", content)


def test_nothing_is_fetched(way: Way, tmp_path: Path) -> None:
    with listening() as (address, server):
        for declared in (
            f'<!DOCTYPE ichicsr SYSTEM "{address}">',
            f'<!DOCTYPE ichicsr PUBLIC "-//x//y" "{address}">',
            f'<!DOCTYPE x [<!ENTITY e SYSTEM "{address}">]>',
            f'<?xml-stylesheet href="{address}"?>',
        ):
            for content in _both(declared, "text"):
                way(tmp_path / "batch.xml", content)
        (batched, _) = _both("", f'<xi:include {_XI} href="{address}"/>')
        way(tmp_path / "batch.xml", batched)
        located = f'ITSVersion="XML_1.0" xsi:schemaLocation="urn:hl7-org:v3 {address}"'
        way(tmp_path / "batch.xml", batched.replace('ITSVersion="XML_1.0"', located))
        with pytest.raises(BlockingIOError):
            server.accept()
