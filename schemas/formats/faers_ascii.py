"""`faers_ascii`: a quarter of FAERS as published (zip), or its list of deleted cases.

Both layouts: AERS (2004Q1 to 2012Q3, keyed by ISR) and FAERS (from 2012Q4, keyed by primaryid),
in the variants of `faers_zip`. All versions in the quarter are handed on.

Version key: FAERS: `caseversion`, then `fda_dt`. AERS numbers no versions, and `foll_seq` is
mostly empty: all have version 0, so that any version of FAERS comes after them, and `fda_dt`
orders them; two of one case with the same date are flagged as a version conflict.

Products: name and role stand in one row of DRUG, so they cannot come apart; a drug_seq that
recurs with the same name and role (one row a lot) is one product. Indication and dates come from
INDI and THER by drug_seq: the first indication, the earliest start, the latest stop. Seriousness
(OUTC) and onset (event_dt) are known of the case alone and stand on every reaction; no reaction
is said to have been fatal, though the case can be. `mfr_num` and `auth_num` name the case
elsewhere. A report is of type study where RPSR has SDY, else spontaneous.

A deleted case (Deleted/*.txt in the zip, or a loose DELETEyyQq.txt, one case id a line) is a
nullification that takes effect on all quarters, whichever is read first. The lists name no
version, so it has the greatest version number there is: it holds against every version, also one
that a later quarter brings by mistake. Its information date is the last day of the quarter.

A row that belongs to no report, or that cannot be read, is a record of its own with its fault.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import is_zipfile

import msgspec

from schemas import times
from schemas.errors import Fault, InputError
from schemas.formats import codes
from schemas.formats.building import built
from schemas.formats.faers_csv import case_content
from schemas.formats.faers_zip import Case, Quarter, deleted_members, open_quarter
from schemas.formats.lines import Readable, head, lines, opened
from schemas.formats.source import Source, SourceRecord
from schemas.identifiers import without

GREATEST_VERSION = 2**31 - 1

_QUARTER = re.compile(r"(?:20)?(\d\d)[ _-]?Q([1-4])", re.IGNORECASE)
_DELETED_NAME = re.compile(r"delet", re.IGNORECASE)
_ID = re.compile(rb"\d{1,12}")
_encode = msgspec.json.Encoder().encode


def is_deletions(path: Path, sample: bytes) -> bool:
    """Whether a loose file is a list of deleted cases: by its name, or by its first lines."""
    first = [line.strip().rstrip(b"$") for line in sample.split(b"\n")[:20]]
    numbers = [bool(_ID.fullmatch(line)) for line in first[:-1] or first if line]
    if _DELETED_NAME.search(path.name):
        return any(numbers)
    return bool(numbers) and all(numbers) and bool(_QUARTER.search(path.name))


def check(path: Path) -> None:
    """Raise `InputError` where the file cannot be read at all."""
    head(path)
    if is_zipfile(path):
        with open_quarter(path):
            pass
    else:
        _quarter_end(path.name)


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file, in the order of DEMO; then what belongs to no report; then deleted
    cases."""
    if not is_zipfile(source.path):
        with opened(source.path) as file:
            yield from _deletions(source, file, source.path.name)
        return
    with open_quarter(source.path, source.unknown) as quarter:
        for case in quarter.cases():
            yield _record(source, quarter, case)
        for name, line, raw, fault in quarter.left_over:
            yield SourceRecord(raw, None, (fault,), source.where(line, name), source.sender)
        for name, file in deleted_members(quarter):
            yield from _deletions(source, file, name, quarter.names["demo"])


def _record(source: Source, quarter: Quarter, case: Case) -> SourceRecord:
    demo, unknown = case.demo, source.unknown
    content = case_content(
        demo
        | {
            "caseid": demo.get("caseid") or demo.get("case", ""),
            "sex": demo.get("sex") or demo.get("gndr_cod", ""),
        },
        source,
    )
    ids = [
        text
        for name in ("mfr_num", "auth_num")
        if (text := codes.case_id("mfr_num or auth_num", demo.get(name, ""), unknown))
    ]
    if ids:
        content["external_ids"] = list(dict.fromkeys(ids))
    if any(row.get("rpsr_cod") == "SDY" for row in case.rows["rpsr"]):
        content["report_type"] = "study"
    onset = codes.optional_date("event_dt", demo.get("event_dt", ""), unknown)
    outcomes = [row.get("outc_cod") or row.get("outc_code", "") for row in case.rows["outc"]]
    serious = codes.seriousness(outcomes, unknown)
    content["products"] = _products(case, unknown)
    content["reactions"] = [
        {"term": row.get("pt", ""), "onset_at": onset, "seriousness": serious}
        for row in case.rows["reac"]
    ]
    raw = _encode(
        {"demo": without(demo, unknown)}
        | {k: [without(r, unknown) for r in v] for k, v in case.rows.items() if v}
    )
    return built(content, raw, source.where(case.line, PurePosixPath(quarter.names["demo"]).name))


def _products(case: Case, unknown: codes.Unknown) -> list[dict[str, Any]]:
    products: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in case.rows["drug"]:
        name = row.get("drugname", "").strip() or row.get("prod_ai", "").strip()
        role = codes.roles(row.get("role_cod", ""), unknown)
        sequence = row.get("drug_seq", "")
        if (sequence, name, role) in products:
            continue
        product: dict[str, Any] = {"name": name, "role": role}
        products[sequence, name, role] = product
        for field, column in (("route", "route"), ("formulation", "dose_form")):
            if text := codes.optional_text(column, row.get(column, ""), unknown):
                product[field] = text
        if dose := codes.dose_mg(row.get("dose_amt", ""), row.get("dose_unit", ""), unknown):
            product["dose_mg"] = dose
        for field, column in (("dechallenge", "dechal"), ("rechallenge", "rechal")):
            if known := codes.coded(codes.CHALLENGES, column, row.get(column, ""), unknown):
                product[field] = known
        _from_indications(product, sequence, case.rows["indi"], unknown)
        _from_therapies(product, sequence, case.rows["ther"], unknown)
    return list(products.values())


def _from_indications(
    product: dict[str, Any], sequence: str, rows: list[dict[str, str]], unknown: codes.Unknown
) -> None:
    for row in rows:
        if (row.get("indi_drug_seq") or row.get("drug_seq")) == sequence:
            if "indication" in product:
                unknown["indi_pt: further indication of a drug"] += 1
            elif text := codes.optional_text("indi_pt", row.get("indi_pt", ""), unknown):
                product["indication"] = text


def _from_therapies(
    product: dict[str, Any], sequence: str, rows: list[dict[str, str]], unknown: codes.Unknown
) -> None:
    own = [row for row in rows if (row.get("dsg_drug_seq") or row.get("drug_seq")) == sequence]
    for field, column, pick in (("started_at", "start_dt", min), ("stopped_at", "end_dt", max)):
        found = [
            moment
            for row in own
            if (moment := codes.optional_date(column, row.get(column, ""), unknown))
        ]
        if found:
            product[field] = found[0] if len(found) == 1 else pick(found, key=times.sort_key)


def _quarter_end(*names: str) -> str:
    """The last day of the quarter that the first of these names says."""
    found = next((match for name in names if (match := _QUARTER.search(name))), None)
    if found is None:
        raise InputError(
            "unknown_quarter", f"{names[0]} does not say its quarter; name it as in DELETE22Q4.txt"
        )
    year, month = 2000 + int(found[1]), 3 * int(found[2])
    return f"{year}-{month:02d}-{calendar.monthrange(year, month)[1]}"


def _deletions(
    source: Source, file: Readable, name: str, quarter: str = ""
) -> Iterator[SourceRecord]:
    until = _quarter_end(name, quarter)
    for number, line in lines(file):
        text = line.strip().rstrip(b"$").removeprefix(b"\xef\xbb\xbf")
        where = source.where(number, name)
        if not text or (number == 1 and text.lower() in (b"caseid", b"case_id", b"primaryid")):
            continue
        if not _ID.fullmatch(text):
            fault = Fault("malformed_row", "report_id", "a deleted case is one number a line")
            yield SourceRecord(line, None, (fault,), where, source.sender)
            continue
        content = {
            "sender": source.sender,
            "report_id": text.decode(),
            "version": GREATEST_VERSION,
            "status": "nullified",
            "received_at": until,
            "report_type": "spontaneous",
        }
        yield built(content, line, where)
