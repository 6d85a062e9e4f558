"""What is written as E2B(R3): nothing of a report is lost, each element stands where ICH has it."""

from __future__ import annotations

import os
import re
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import example, given, settings

from schemas.formats import detect_format, e2b_r3, read
from schemas.formats.icsr import Null, Values
from schemas.formats.icsr.checks import faults
from schemas.formats.icsr.elements import elements
from schemas.formats.icsr.exchange import Exchange
from schemas.formats.icsr.filling import plain, values_of
from schemas.formats.source import Source
from schemas.formats.writers import Target
from schemas.formats.writers.e2b_r3 import batch, write
from schemas.report import Report
from tests.schemas.formats.paths import found_at
from tests.schemas.formats.samples import expected
from tests.schemas.formats.strategies import reports
from tests.support import shared

EXCHANGE = Exchange("2025-07-04T10:15:00Z", batch="B-1", sender="US", receiver="THEM")
COMPLETE = expected(
    sender="clinic-a",
    report_id="US-CLINIC-1",
    version=3,
    received_at="2025-07-03",
    first_received_at="2025-07-01T10:15:00+02:00",
    created_at="2025-07-03T11:00:00Z",
    report_type="solicited",
    reporter="pharmacist",
    country="DE",
    external_ids=["US-ACME-9", "EU-EC-5"],
    patient={"pseudonym": "P-7", "age_years": 33.41666, "sex": "other", "weight_kg": 60.5},
    products=[
        {
            "name": "Spravato <56 mg> & more",
            "role": "suspect",
            "route": "intranasal",
            "dose_mg": 84,
            "indication": "Depression",
            "phase": "induction",
            "setting": "clinic",
            "formulation": "a spray " * 10,
            "started_at": "2025-06-01",
            "stopped_at": "2025-07",
            "dechallenge": "positive",
            "rechallenge": "negative",
        },
        {"name": "Lithium"},
    ],
    reactions=[
        {
            "term": 'Dissociation "quoted"',
            "onset_at": "2025-07-01",
            "outcome": "recovering",
            "seriousness": ["hospitalisation"],
        },
        {"term": "Nausea"},
    ],
    biomarkers=[
        {"name": "ALT", "value": 31.5, "unit": "U/L", "at": "2025-06"},
        {"name": "AST", "value": "<5", "unit": "U/L"},
        {"name": "Ketamine", "value": 3, "unit": "of our own"},
        {"name": "Mood", "value": "low"},
    ],
    narrative="First line.\n\tSecond line & end.",
)


def written(*found: Report, exchange: Exchange = EXCHANGE) -> tuple[bytes, Counter[str]]:
    target = Target(Path("batch.xml"), exchange)
    return b"".join(batch(target, found)), target.left_out


def read_back(content: bytes, sender: str | None = None) -> list[Report | None]:
    source = Source(Path("batch.xml"), "e2b_r3", sender)
    return [record.report for record in e2b_r3.records_of(source, BytesIO(content))]


def root_of(content: bytes) -> Element:
    return fromstring(content)


@given(reports())
@example(COMPLETE)
@settings(max_examples=200, deadline=None)
def test_nothing_of_a_report_is_lost_on_the_way_through_e2b(report: Report) -> None:
    content, left_out = written(report)
    assert read_back(content) == [report]
    assert not any("cannot hold" in odd for odd in left_out)


@given(reports(), reports())
@settings(max_examples=20, deadline=None)
def test_reports_of_several_senders_stay_their_own(one: Report, other: Report) -> None:
    assert read_back(written(one, other)[0]) == [one, other]


def test_writing_twice_gives_the_same_bytes() -> None:
    assert written(COMPLETE) == written(COMPLETE)


def test_a_spelling_that_says_no_more_comes_back_as_the_plain_one() -> None:
    odd = expected(
        sender="a",
        report_id="1",
        received_at="2025-07-03 10:15:00+00:00",
        external_ids=["1"],
        patient={},
        products=[{"name": "A"}],
        reactions=[{"term": "B", "seriousness": ["hospitalisation", "death", "death"]}],
        narrative=" \n",
    )
    (back,) = read_back(written(odd)[0])
    assert back == expected(
        sender="a",
        report_id="1",
        received_at="2025-07-03T10:15:00Z",
        products=[{"name": "A"}],
        reactions=[{"term": "B", "seriousness": ["death", "hospitalisation"]}],
    )


def test_a_control_character_is_replaced_and_counted() -> None:
    odd = COMPLETE.model_copy(update={"narrative": "a\x01b\x0bc"})
    content, left_out = written(odd)
    (back,) = read_back(content)
    assert back is not None
    assert back.narrative == "a�b�c"
    assert left_out["character that XML cannot hold: replaced"] == 2


def test_a_report_of_another_sender_than_the_one_given_keeps_its_own() -> None:
    (record,) = e2b_r3.records_of(
        Source(Path("b"), "e2b_r3", "clinic-b"), BytesIO(written(COMPLETE)[0])
    )
    assert record.report is not None
    assert (record.sender, record.report.sender) == ("clinic-b", "clinic-a"), "refused as another's"


def test_our_own_elements_are_ignored_by_who_does_not_know_them() -> None:
    content, _ = written(COMPLETE)
    foreign = re.sub(
        rb'<component typeCode="COMP"><observationEvent[^>]*><code code="[a-z_]+" '
        rb'codeSystem="2\.25\.\d+"/>.*?</component>',
        b"",
        content,
    )
    (back,) = read_back(foreign)
    assert back is not None
    assert (back.sender, back.created_at) == ("import:e2b_r3", "2025-07-04T10:15:00Z")
    assert back.products[1].role == "suspect", "an unknown role counts as suspect"


def flat(values: Values, found: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    """Every value by its data element, null flavours left out."""
    found = {} if found is None else found
    for number, value in values.items():
        if isinstance(value, list):
            for inner in value:
                flat(inner, found)
        elif not isinstance(value, Null):
            found.setdefault(number, []).append(value)
    return found


def reference_paths() -> dict[str, str]:
    """The path of each data element of which the reference gives one."""
    text = shared("reference/formats.md").read_text(encoding="utf-8")
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and re.fullmatch(r"[CDEFGHN]\.[A-Za-z0-9.]+", cells[0]):
            found[cells[0]] = cells[6]
    return found


def test_each_element_stands_at_the_path_that_the_reference_gives() -> None:
    exchange = Exchange(
        "2025-07-04T10:15:00Z", batch="B-1", meddra=lambda term: ("10013457", "27.1")
    )
    root = root_of(written(COMPLETE, exchange=exchange)[0])
    wanted = flat(values_of(COMPLETE, exchange)) | {
        "N.1.1": ["1"],
        "N.1.2": ["B-1"],
        "N.1.5": ["20250704101500+0000"],
    }
    compared = set()
    for number, path in reference_paths().items():
        if number not in wanted or " " in re.sub(r"UUID of \w-th \w+", "", path):
            continue
        found = [value for value in found_at(root, path) if value is not None]
        assert found == wanted[number], (number, path)
        compared.add(number)
    missing = {"C.1.1", "C.1.2", "C.1.3", "C.1.5", "C.1.8.1", "C.5.4", "E.i.4", "E.i.7", "G.k.1"}
    assert missing <= compared
    assert len(compared) >= 25


@pytest.mark.parametrize(
    ("number", "path"),
    [
        # rows of the reference that hold several elements, taken apart by hand
        ("C.2.r.5", "SRC/priorityNumber/@value"),
        (
            "C.1.9.1.r.1",
            "IE/subjectOf1[controlActEvent/id]/controlActEvent/id[@root='~3.3']/@assigningAuthorityName",
        ),
        (
            "C.1.9.1.r.2",
            "IE/subjectOf1[controlActEvent/id]/controlActEvent/id[@root='~3.3']/@extension",
        ),
        ("D.2.2a", "PR/subjectOf2[o3]/observation/value(PQ)/@value"),
        ("D.2.2b", "PR/subjectOf2[o3]/observation/value(PQ)/@unit"),
        ("D.3", "PR/subjectOf2[o7]/observation/value(PQ)[@unit='kg']/@value"),
        ("E.i.1.1a", "RX/value(CE)[@MEDDRA]/originalText"),
        ("E.i.3.2c", "RX/outboundRelationship2[o33]/observation/value(BL)/@value"),
        ("F.r.1", "TST/effectiveTime/@value"),
        ("F.r.2.1", "TST/code/originalText/text()"),
        ("F.r.3.2", "TST/value(IVL_PQ)/center/@value"),
        ("F.r.3.2.high", "TST/value(IVL_PQ)/high/@value"),
        ("F.r.3.4", "TST/value(ED)/text()"),
        ("G.k.4.r.1a", "DOS/doseQuantity/@value"),
        ("G.k.4.r.1b", "DOS/doseQuantity/@unit"),
        ("G.k.4.r.4", "DOS/effectiveTime(SXPR_TS)/comp(IVL_TS)[@operator='A']/low/@value"),
        ("G.k.4.r.5", "DOS/effectiveTime(SXPR_TS)/comp(IVL_TS)[@operator='A']/high/@value"),
        ("G.k.4.r.10.1", "DOS/routeCode/originalText"),
        ("G.k.7.r.1", "SA/inboundRelationship[o19][r]/observation/value(CE)[@MEDDRA]/originalText"),
        ("N.1.3", "BATCH/sender/device/id[@root='~3.13']/@extension"),
        ("N.1.4", "BATCH/receiver/device/id[@root='~3.14']/@extension"),
        ("N.2.r.2", "MSG/sender/device/id[@root='~3.11']/@extension"),
        ("N.2.r.3", "MSG/receiver/device/id[@root='~3.12']/@extension"),
    ],
)
def test_elements_of_shared_rows_stand_at_their_paths(number: str, path: str) -> None:
    root = root_of(written(COMPLETE)[0])
    wanted = flat(values_of(COMPLETE, EXCHANGE)) | {"N.1.3": ["US"], "N.1.4": ["THEM"]}
    assert [value for value in found_at(root, path) if value is not None] == wanted[number]


def test_a_rechallenge_is_tied_to_the_one_reaction_that_there_is() -> None:
    one = COMPLETE.model_copy(update={"reactions": COMPLETE.reactions[:1]})
    root = root_of(written(one)[0])
    (value,) = found_at(root, "SA/outboundRelationship2[o31]/observation/value(CE)[@~1.16]/@code")
    assert value == "2"
    actor = "SA/outboundRelationship2[o31]/observation/outboundRelationship1/actReference/id/@root"
    assert found_at(root, actor) == found_at(root, "RX/id/@root")


def test_what_ich_requires_and_a_report_lacks_is_counted_and_never_made_up() -> None:
    bare = expected(
        sender="a",
        report_id="US-A-1",
        received_at="2025",
        products=[{"name": "A"}],
        reactions=[{"term": "B"}],
    )
    content, left_out = written(bare)
    assert left_out == {
        "C.1.4: missing": 1,
        "C.1.5: too_imprecise": 1,
        "E.i.2.1a: missing": 1,
        "E.i.2.1b: missing": 1,
        "H.1: missing": 1,
    }
    assert b"10013457" not in content
    assert read_back(content) == [bare]


def test_a_complete_report_with_meddra_codes_has_no_fault() -> None:
    exchange = Exchange("2025-07-04T10:15:00Z", meddra=lambda term: ("10013457", "27.1"))
    content, left_out = written(COMPLETE, exchange=exchange)
    assert not left_out
    assert read_back(content) == [COMPLETE]


def complete(**changes: Any) -> Values:
    exchange = Exchange("2025-07-04T10:15:00Z", meddra=lambda term: ("10013457", "27.1"))
    values = values_of(COMPLETE, exchange)
    assert faults(values) == []
    return values | changes


@pytest.mark.parametrize(
    ("changes", "code", "element"),
    [
        ({"C.1.3": "9"}, "not_permitted", "C.1.3"),
        ({"C.1.3": Null("UNK")}, "not_permitted", "C.1.3"),
        ({"C.1.7": Null("UNK")}, "not_permitted", "C.1.7"),
        ({"C.1.6.1": "yes"}, "not_permitted", "C.1.6.1"),
        ({"C.1.9.1": "false", "C.1.9.1.r": []}, "not_permitted", "C.1.9.1"),
        ({"C.1.9.1.r": []}, "inconsistent", "C.1.9.1"),
        ({"C.1.5": "202507"}, "too_imprecise", "C.1.5"),
        ({"C.1.5": "20250799"}, "not_a_date", "C.1.5"),
        ({"C.1.1": "x" * 101}, "too_long", "C.1.1"),
        ({"C.1.2": "20250704101501+0000"}, "inconsistent", "N.2.r.4"),
        ({"C.5.4": None}, "missing", "C.5.4"),
        ({"C.1.11.1": "1"}, "missing", "C.1.11.2"),
        ({"D.2.2a": "old"}, "wrong_type", "D.2.2a"),
        ({"D.2.2b": None}, "missing", "D.2.2b"),
        ({"C.2.r": [{"C.2.r.5": "1", "C.2.r.4": "1"}]}, "missing", "C.2.r.3"),
        ({"C.2.r": []}, "wrong_count", "C.2.r.5"),
        ({"C.2.r": [{"C.2.r.3": "usa", "C.2.r.4": "1", "C.2.r.5": "1"}]}, "too_long", "C.2.r.3[1]"),
        (
            {"C.2.r": [{"C.2.r.3": "us", "C.2.r.4": "1", "C.2.r.5": "1"}]},
            "wrong_type",
            "C.2.r.3[1]",
        ),
        ({"role": [{"G.k.1": "2", "G.k.1.drug": "x"}] * 2}, "wrong_count", "G.k.1"),
        ({"role": [{"G.k.1": "1", "G.k.1.drug": "x"}]}, "wrong_count", "G.k.1"),
        ({"E.i": []}, "wrong_count", "E.i"),
        ({"F.r": [{"F.r.2.1": "ALT", "F.r.1": "2025"}]}, "missing", "F.r.3.4[1]"),
        ({"F.r": [{"F.r.2.1": "ALT", "F.r.3.4": "x"}]}, "missing", "F.r.1[1]"),
        (
            {"F.r": [{"F.r.2.1": "ALT", "F.r.1": "2025", "F.r.3.2": "1"}]},
            "missing",
            "F.r.3.3[1]",
        ),
    ],
)
def test_each_rule_finds_what_breaks_it(changes: dict[str, Any], code: str, element: str) -> None:
    values = {k: v for k, v in complete(**changes).items() if v not in (None, [])}
    assert [(f.code, f.path) for f in faults(values)] == [(code, element)]


def test_a_fault_of_a_repeat_within_a_repeat_says_both_places() -> None:
    values = complete()
    values["G.k"][1]["G.k.4.r"] = [{"G.k.4.r.8": "x"}, {"G.k.4.r.8": "x" * 2001}]
    assert [(f.code, f.path) for f in faults(values)] == [("too_long", "G.k.4.r.8[2][2]")]


@pytest.mark.parametrize(
    ("number", "text"),
    [(84.0, "84"), (0.1, "0.1"), (1e-7, "0.0000001"), (1e22, "1" + "0" * 22), (0.0, "0")],
)
def test_a_number_is_written_without_exponent(number: float, text: str) -> None:
    assert plain(number) == text


def test_a_number_too_long_for_its_element_is_rounded_there_and_kept_in_full() -> None:
    values = values_of(COMPLETE, EXCHANGE)
    assert (values["D.2.2a"], values["K.6"]) == ("33.42", "33.41666")


def test_the_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "batch.xml"
    target = Target(path, EXCHANGE)

    def breaking() -> Any:
        yield COMPLETE
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(target, breaking())
    assert list(tmp_path.iterdir()) == []
    write(target, [COMPLETE])
    assert detect_format(path) == "e2b_r3"
    packed = Target(tmp_path / "batch.xml.gz", EXCHANGE)
    write(packed, [COMPLETE])
    assert [r.report for r in read(packed.path)] == [r.report for r in read(path)]


@pytest.fixture(scope="module")
def schema() -> Any:
    """The ICH schema set, compiled once."""
    try:
        import xmlschema
    except ImportError:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip("xmlschema is not installed: the schema set was not consulted")
    return xmlschema.XMLSchema(
        str(shared("reference/e2b_r3/schema/multicacheschemas/MCCI_IN200100UV01.xsd"))
    )


def test_what_is_written_is_valid_by_the_schema_set_of_the_ich(schema: Any) -> None:
    nullified = COMPLETE.model_copy(
        update={"status": "nullified", "products": (), "reactions": (), "biomarkers": ()}
    )
    one_reaction = COMPLETE.model_copy(update={"reactions": COMPLETE.reactions[:1]})
    content, _ = written(COMPLETE, nullified, one_reaction)
    assert [str(error.reason) for error in schema.iter_errors(content.decode())] == []


@given(reports())
@settings(max_examples=15, deadline=None)
def test_any_report_is_valid_by_the_schema_set_of_the_ich(schema: Any, report: Report) -> None:
    content, _ = written(report)
    assert [str(error.reason) for error in schema.iter_errors(content.decode())] == []


def test_every_code_that_is_written_is_in_the_table() -> None:
    for number, found in flat(values_of(COMPLETE, EXCHANGE)).items():
        element = elements().get(number)
        if element and element.codes:
            assert set(found) <= set(element.codes), number
