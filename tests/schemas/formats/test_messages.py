"""XML is cut into messages that cost each other nothing, in memory of a bounded size."""

from __future__ import annotations

import io
import tracemalloc
from collections import Counter
from itertools import chain, repeat
from xml.etree.ElementTree import Element

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import Fault, InputError
from schemas.formats import messages as cutting
from schemas.formats.messages import Messages, parse, root_of, without_documents


class Dribble:
    """Bytes that come a few at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._file, self._size = io.BytesIO(content), size

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(self._size)


def cut(content: bytes, size: int = 1 << 20) -> tuple[list[tuple[str, bytes, str]], bytes]:
    """Name, bytes and fault of each message, and what is outside of them."""
    found = Messages(Dribble(content, size), "m|n")
    return [(m.name, m.raw, m.fault.code if m.fault else "") for m in found], found.outside


_PARTS = st.sampled_from(
    [
        b"<m>1</m>",
        b"<m a='>'><x/></m>",
        b"<n/>",
        b"<h:m>2</h:m>",
        b"<mm>not one</mm>",
        b"<!-- <m> -->",
        b"<m><!-- </m> --></m>",
        b"<m><![CDATA[</m>]]></m>",
        b"<m><?p </m>?></m>",
        b"<o>outside</o>",
        b"\n ",
        b"<m>no end",
        b"</m>",
        b"<!-- no end",
        b"<m",
    ]
)


@given(st.lists(_PARTS, max_size=8), st.integers(1, 40))
@example([b"<m>no end", b"<m>1</m>"], 1)
def test_how_the_bytes_come_makes_no_difference(parts: list[bytes], size: int) -> None:
    content = b"<r>" + b"".join(parts) + b"</r>"
    assert cut(content, size) == cut(content)


@given(st.lists(_PARTS, max_size=8))
def test_every_byte_but_comments_is_in_a_message_or_outside(parts: list[bytes]) -> None:
    kept = [part for part in parts if not part.startswith(b"<!--") and part.strip()]
    content = b"<r>" + b"".join(kept) + b"</r>"
    found, outside = cut(content)
    inside = sum(len(raw) - len(b"<r></r>") for _, raw, _ in found)
    assert inside + len(outside) == len(content)


def test_a_message_is_a_document_of_its_own_under_the_roots_start_tag() -> None:
    found, outside = cut(b"<?xml version='1.0'?><r a='1'><m>1</m> <n>2</n><o/></r>")
    assert found == [("m", b"<r a='1'><m>1</m></r>", ""), ("n", b"<r a='1'><n>2</n></r>", "")]
    assert outside == b"<r a='1'><o/></r>"


def test_a_message_without_an_end_costs_no_other() -> None:
    found, _ = cut(b"<r><m>1<m>2</m><m>3</r>")
    assert [(raw, fault) for _, raw, fault in found] == [
        (b"<r><m>1</r>", "malformed_xml"),
        (b"<r><m>2</m></r>", ""),
        (b"<r><m>3</r></r>", "malformed_xml"),
    ]


def test_what_is_far_too_long_is_cut_and_the_next_message_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cutting, "_HELD", 1000)
    monkeypatch.setattr(cutting, "_CHUNK", 100)
    monkeypatch.setattr(cutting, "HEAD", 100)
    content = b"<r><m>" + b"x" * 5000 + b"</m><m>2</m><!--" + b"y" * 5000 + b"<m>3</m></r>"
    found, _ = cut(content, 100)
    assert [(fault, b"2" in raw) for _, raw, fault in found][:2] == [
        ("record_too_large", False),
        ("", True),
    ]
    assert all(len(raw) < 3000 for _, raw, _ in found)


class Endless:
    """A document of 4,000 messages of 5,000 bytes, of which 50 come at a time."""

    def __init__(self) -> None:
        part = (b"<m>" + b"x" * 4993 + b"</m>") * 50
        self._chunks = chain([b"<r>"], repeat(part, 80), [b"</r>"])

    def read(self, size: int = -1, /) -> bytes:
        return next(self._chunks, b"")


def test_white_space_between_any_number_of_messages_hides_no_end() -> None:
    content = b"<r><a/>" + b"<m>1</m>\r\n  " * 50_000 + b"  <b c='1'/>\n</r>"
    found, outside = cut(content)
    assert len(found) == 50_000
    assert outside == b"<r><a/><b c='1'/>\n</r>"


def test_memory_does_not_grow_with_the_file() -> None:
    tracemalloc.start()
    count = sum(1 for _ in Messages(Endless(), "m"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4000
    assert peak < 8 << 20, "the file has 20 MB"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<r/>", "r"),
        (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- <x> --><?p?><h:r a=\"'>\" b='1'>", "r"),
        (b"<!DOCTYPE r SYSTEM 'x[y].dtd'><r>", "r"),
        (b'<!doctype R PUBLIC "-//a>b//" "x"> <R lang=\'en\'>', "R"),
    ],
)
def test_the_root_is_found_behind_what_may_stand_before_it(head: bytes, name: str) -> None:
    assert root_of(head, document_type=True).name == name


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "malformed_xml"),
        (b"r", "malformed_xml"),
        (b"<r a='", "malformed_xml"),
        (b"<r a=1>", "malformed_xml"),
        (b"<!-- -- <r>", "malformed_xml"),
        (b"<!DOCTYPE r [", "dtd_forbidden"),
        (b"<!DOCTYPE r SYSTEM 'x' [<!ENTITY a 'b'>]><r>", "dtd_forbidden"),
        (b"<!DOCTYPE r 'never closed", "malformed_xml"),
        (b"<?xml version='1.0' encoding='UTF-16'?><r>", "wrong_encoding"),
    ],
)
def test_what_has_no_root_or_declares_anything_is_refused(head: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        root_of(head, document_type=True)
    assert caught.value.code == code


@pytest.mark.parametrize("raw", [b"<r><m>&lt;</m></r>", b"<r><m>&#60;</m></r>"])
def test_only_the_characters_of_xml_itself_can_be_named(raw: bytes) -> None:
    found = parse(raw, Counter())
    assert isinstance(found, Element)
    assert found.text == "<"
    assert isinstance(parse(b"<r><m>&eacute;</m></r>", Counter()), Fault)


def test_those_of_html_where_a_document_type_for_sgml_would_declare_them() -> None:
    found = parse(b"<r><m>caf&eacute; &amp; &mu;&unheard;</m></r>", Counter(), entities=True)
    assert isinstance(found, Fault), "one that nobody knows stays a fault"
    found = parse(b"<r><m>caf&eacute; &amp; &mu;</m></r>", Counter(), entities=True)
    assert isinstance(found, Element)
    assert found.text == "café & µ".replace("µ", "μ")


def test_a_fault_repeats_nothing_of_the_message() -> None:
    found = parse(b"<r><m name='Jane Doe'</m></r>", Counter())
    assert isinstance(found, Fault)
    assert "Jane" not in found.message


def test_a_document_is_replaced_where_it_ends_and_left_where_it_does_not() -> None:
    unknown: Counter[str] = Counter()
    raw = (
        b"<r><text representation='B64'>QQ</text><text>QQ</text>"
        b'<x:text representation="B64">QQ</r>'
    )
    found = without_documents(raw, unknown)
    assert found.startswith(b"<r><text representation='B64'><!-- 2 bytes, SHA-256 ")
    assert found.endswith(b'--></text><text>QQ</text><x:text representation="B64">QQ</r>')
    assert unknown.total() == 1


@pytest.mark.parametrize(
    "hostile",
    [
        b"<m>" * 100_000,
        b"<text representation='B64'>" * 50_000,
        b"<" + b"a" * 1_000_000,
        b"<r " + b"a" * 1_000_000,
        b"<!--" * 100_000,
        b"<r><m " + b"a='1' " * 100_000 + b">",
        b"<r><m>" + b"<a>" * 300_000,
    ],
)
def test_nothing_that_repeats_without_end_takes_long(hostile: bytes) -> None:
    content = b"<r>" + hostile + b"</r>"
    found, _ = cut(content)
    assert len(found) <= 100_001
    for _, raw, _fault in found[:1]:
        parse(raw, Counter())
    assert len(without_documents(content, Counter())) <= len(content)
