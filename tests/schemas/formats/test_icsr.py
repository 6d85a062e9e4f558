"""The table of data elements against its source, moments, and the outline against the table."""

from __future__ import annotations

import re
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import times
from schemas.formats.icsr.elements import Element, elements
from schemas.formats.icsr.moments import from_ts, to_ts
from schemas.formats.icsr.outline import Node, outline
from tests.support import shared

# rows of the reference that name several elements, whose columns are split by hand
_SEVERAL = re.compile(r"[;/]| [a-f]-| r\.")


def reference() -> dict[str, list[str]]:
    """The rows of the reference's table that are of one data element each."""
    text = shared("reference/formats.md").read_text(encoding="utf-8")
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and re.fullmatch(r"[CDEFGHN]\.[A-Za-z0-9.]+", cells[0]):
            rows[cells[0]] = cells[1:]
    return rows


def kind_of(element: Element) -> str:
    if element.kind == "TS":
        return "TS"
    return element.kind if element.kind in ("BL", "ID") else f"{element.size}{element.kind}"


def test_type_and_conformance_are_those_of_the_reference() -> None:
    compared = 0
    for number, (_, kind, conformance, *_rest) in reference().items():
        element = elements()[number]
        assert kind_of(element) == kind, number
        assert element.required == (conformance == "R"), number
        compared += 1
    assert compared >= 45


def test_null_flavours_are_those_of_the_reference() -> None:
    for number, cells in reference().items():
        wanted = {flavour for flavour in cells[4].split(",") if flavour.isupper()}
        if number != "F.r.2.1":
            assert elements()[number].nulls == wanted, number


@pytest.mark.parametrize(
    ("number", "codes"),
    [
        ("C.1.3", "1234"),
        ("C.1.8.2", "12"),
        ("C.1.11.1", "12"),
        ("C.2.r.4", "12345"),
        ("C.3.1", "1234567"),
        ("C.5.4", "123"),
        ("D.2.3", "0123456"),
        ("D.5", "12"),
        ("E.i.3.1", "1234"),
        ("E.i.7", "012345"),
        ("F.r.3.1", "1234"),
        ("G.k.1", "1234"),
        ("G.k.8", "012349"),
        ("G.k.9.i.4", "1234"),
    ],
)
def test_codes_are_those_of_the_reference(number: str, codes: str) -> None:
    assert sorted(elements()[number].codes) == sorted(codes)
    given_ = reference()[number][3]
    assert set(re.findall(r"(?:^|,\s?)(\d)", given_)) == set(codes)


def _nodes(node: Node) -> list[Node]:
    return [node, *(inner for child in node.children for inner in _nodes(child))]


def test_every_data_element_has_a_place_in_the_message() -> None:
    placed = set(outline("e2b_r3").numbers())
    assert set(elements()) - placed == set()


def test_nodes_of_one_tag_are_told_apart() -> None:
    for node in _nodes(outline("e2b_r3")):
        seen: set[object] = set()
        for child in node.children:
            if child.keys:
                key = (child.tag, child.keys, child.key())
                assert key not in seen, key
                seen.add(key)


def test_a_group_is_never_read_from_two_places() -> None:
    groups = [node.group for node in _nodes(outline("e2b_r3")) if node.group]
    assert len(groups) == len(set(groups))


_MOMENTS = st.one_of(
    st.dates(min_value=times._EARLIEST).map(str),
    st.dates(min_value=times._EARLIEST).map(lambda d: str(d)[:7]),
    st.datetimes(min_value=times.start("1900").replace(tzinfo=None)).flatmap(
        lambda moment: st.integers(-14 * 4, 14 * 4).map(
            lambda quarters: moment.replace(
                tzinfo=timezone(timedelta(minutes=15 * quarters))
            ).isoformat()
        )
    ),
)


@given(_MOMENTS)
def test_a_moment_comes_back_from_hl7_as_it_went(moment: str) -> None:
    found, naive = from_ts(to_ts(moment))
    assert found is not None
    assert times.start(found) == times.start(moment)
    assert min(len(found), 11) == min(len(moment), 11)
    assert not naive
    assert to_ts(found) == to_ts(moment)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025", "2025"),
        ("202507", "2025-07"),
        ("20250703", "2025-07-03"),
        ("2025070310+0200", "2025-07-03T10+02:00"),
        ("2025070310+0000", "2025-07-03T10+00:00"),
        ("202507031015-05", "2025-07-03T10:15-05:00"),
        ("20250703101500.25+0530", "2025-07-03T10:15:00.25+05:30"),
        ("20250703101500+0000", "2025-07-03T10:15:00Z"),
        ("20250703101500", "2025-07-03"),
        ("20251301", None),
        ("20250703250000+0000", None),
        ("20250703+0200", "2025-07-03"),
        ("2025-07-03", None),
        ("٢٠٢٥", None),
        ("", None),
    ],
)
def test_a_moment_of_hl7_is_one_of_a_report(text: str, moment: str | None) -> None:
    assert from_ts(text)[0] == moment


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2025-07-03 10:15:00Z", "20250703101500+0000"),
        ("2025-07-03T10:15:00+02:00:30", "20250703081430.000000+0000"),
        ("20250703T101500Z", "20250703101500+0000"),
    ],
)
def test_other_spellings_of_iso_8601_are_the_same_moment(moment: str, text: str) -> None:
    assert to_ts(moment) == text
    found = from_ts(text)[0]
    assert found is not None
    assert times.start(found) == times.start(moment)
