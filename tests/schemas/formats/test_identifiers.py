"""Every direct identifier that a format can carry: refused with a reason, or left out and said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet
import pytest

from schemas.errors import InputError, RecordError
from schemas.formats import FORMATS, SourceRecord, read
from schemas.formats.received import received
from schemas.identifiers import MASKED
from schemas.record import REPORT, check, checked
from tests.schemas.formats import e2b, samples
from tests.schemas.formats.fhir_samples import bundle, concept, lines, r4, r5

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MARK = "Qxz"  # in every planted value, and in no sample


class Plant(NamedTuple):
    """An identifier: where, the content of the file, what is to come of it.

    `comes`: a code it is refused by; "masked", left out and said so; "never read", and nothing
    says it, since no reader looks there (people of senders, what only XML has room for).
    """

    form: str
    what: str
    content: str | bytes
    comes: str


def own(what: str, **fields: Any) -> list[Plant]:
    """A report of our own schema, as each file that can hold it."""
    record = samples.JSON | fields
    table = pa.Table.from_pylist([record])
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    code = "direct_identifier"
    return [
        Plant("json", what, json.dumps(record), code),
        Plant("ndjson", what, json.dumps(record) + "\n", code),
        Plant("parquet", what, sink.getvalue().to_pybytes(), code),
    ]


def table(form: str, columns: str, values: str, comes: str) -> list[Plant]:
    """The columns of a table, each put in front of those that a sample has."""
    text = {
        "csv": samples.FLAT_CSV,
        "faers_csv": samples.FAERS_CSV,
        "vaers_csv": samples.VAERS_CSV,
        "diana_csv": samples.DIANA_CSV,
        "mapped_csv": samples.MAPPED_CSV.replace(";", ","),
    }[form]
    header, *rows = text.splitlines()
    return [
        Plant(
            form,
            column,
            "\n".join([f"{column},{header}", *(f"{value},{row}" for row in rows), ""]),
            comes,
        )
        for column, value in zip(columns.split("|"), values.split("|"), strict=True)
    ]


COLUMNS = (
    "Patient name|initials|birth_date|MRN|address|Phone number|E-mail|reporter_name|Device serial"
)
VALUES = (
    f"{MARK} Roe|{MARK}R|1980-01-02 {MARK}|{MARK}-77|{MARK} Street 5|+49 30 {MARK}|"
    f"jane@{MARK}.example|Dr. {MARK}|SN-{MARK}"
)


def r2(what: str, patient: str = "", comes: str = "masked", **changes: str) -> list[Plant]:
    """A report of E2B(R2), with a document type, as SGML in capitals, and as FAERS has it."""
    text = e2b.ichicsr([e2b.safetyreport(patient=patient, **changes)])
    typed = '<!DOCTYPE ichicsr SYSTEM "http://eudravigilance.ema.europa.eu/dtd/icsr21xml.dtd">'
    tagged = "".join(
        part.upper() if part.startswith("<") else part
        for part in text.replace("<", "\x00<").replace(">", ">\x00").split("\x00")
        if part
    )
    sgml = tagged.replace('LANG="EN"', 'lang="en"')
    return [
        Plant("e2b_r2", what, text, comes),
        Plant("e2b_r2", f"{what}, document type", typed + text, comes),
        Plant("e2b_r2", f"{what}, SGML", typed.replace("ichicsr S", "ICHICSR S") + sgml, comes),
    ]


def r3(what: str, comes: str = "masked", **changes: str) -> Plant:
    """A message of E2B(R3)."""
    return Plant("e2b_r3", what, e2b.batch([e2b.message(**changes)]), comes)


def openfda(what: str, comes: str = "masked", **patient: Any) -> Plant:
    """A report of openFDA."""
    report = samples.OPENFDA | {"patient": samples.OPENFDA["patient"] | patient}  # type: ignore[operator]
    return Plant("openfda", what, json.dumps({"results": [report]}), comes)


def fhir(what: str, comes: str = "masked", **changes: Any) -> list[Plant]:
    """An event as R4 and R5: single, in a Bundle, and as bulk data."""
    found = []
    for version, make in (("R4", r4), ("R5", r5)):
        event = make(**changes)
        found += [
            Plant("fhir", f"{what}, {version}", json.dumps(event), comes),
            Plant("fhir", f"{what}, {version} Bundle", json.dumps(bundle(event)), comes),
            Plant("fhir", f"{what}, {version} bulk", lines(event, make("US-2")), comes),
        ]
    return found


def person(kind: str = "Patient") -> dict[str, Any]:
    return {
        "resourceType": kind,
        "id": "p7",
        "identifier": [{"system": "urn:mrn", "value": f"{MARK}-77"}],
        "name": [{"family": MARK, "given": ["Jane"]}],
        "telecom": [{"system": "phone", "value": f"+49 30 {MARK}"}],
        "address": [{"line": [f"{MARK} Street 5"]}],
        "birthDate": "1980-01-02",
    }


def numbers(root: str) -> str:
    """A record number of a patient in E2B(R3)."""
    return (
        f'<asIdentifiedEntity classCode="IDENT"><id extension="{MARK}-77" root='
        f'"2.16.840.1.113883.3.989.2.1.3.{root}"/>{e2b.code(str(int(root) - 6), "1.4")}'
        "</asIdentifiedEntity>"
    )


_REPORTER = "".join(
    f"<{tag}>{MARK} 5</{tag}>"
    for tag in "reportergivename reporterfamilyname reporterstreet reporterpostcode".split()
)
_SENDER = (
    f"<sender><sendertype>3</sendertype><sendergivename>{MARK}</sendergivename><sendertel>{MARK}"
    f"</sendertel><senderemailaddress>jane@{MARK}.example</senderemailaddress></sender>"
)
_AUTHOR = (
    f'<assignedPerson classCode="PSN" determinerCode="INSTANCE"><name><given>{MARK}</given><family>'
    f"{MARK}</family></name>"
)
_ADDRESS = (
    f'<assignedEntity classCode="ASSIGNED"><addr><streetAddressLine>{MARK}</streetAddressLine>'
    f'<postalCode>{MARK}</postalCode></addr><telecom value="tel:{MARK}"/>'
    f'<telecom value="mailto:jane@{MARK}.example"/>'
)

_DRUG = {"resourceType": "Medication", "id": "m1", "code": concept("Spravato")}

PLANTS: list[Plant] = [
    *(
        plant
        for field in (
            "name first_name surname initials birth_date dateOfBirth address postcode phone "
            "telephone email mrn hospital_number record_number nhs_number ssn reporter_name "
            "reporter_email patient_name device_serial"
        ).split()
        for plant in own(field, **{field: f"{MARK} 5"})
    ),
    *(
        plant
        for field in ("name", "initials", "birth_date", "medical_record_number")
        for plant in own(f"patient.{field}", patient={field: MARK})
    ),
    *own("device serial", products=[{"name": "Spravato", "serial_number": MARK}]),
    *own("e-mail for a pseudonym", patient={"pseudonym": f"jane@{MARK}.example"}),
    *own("date of birth for a pseudonym", patient={"pseudonym": "1980-01-02"}),
    *own("telephone for a pseudonym", patient={"pseudonym": "+49 30 1234567"}),
    *table("csv", COLUMNS, VALUES, "unknown_column"),
    *table("faers_csv", COLUMNS, VALUES, "masked"),
    *table("vaers_csv", COLUMNS, VALUES, "masked"),
    *table("diana_csv", COLUMNS, VALUES, "masked"),
    *table("mapped_csv", COLUMNS, VALUES, "masked"),
    *(
        Plant(
            "faers_ascii",
            column,
            samples.FAERS_TABLES["ascii/DEMO25Q3.txt"]
            .replace("$caseversion$", f"$caseversion${column}$")
            .replace("100$2$", f"100$2${MARK}$")
            .replace("101$1$", f"101$1${MARK}$"),
            "masked",
        )
        for column in ("patient_name", "birth_date", "reporter_name", "phone")
    ),
    *(
        plant
        for tag in (
            "patientinitial patientgpmedicalrecordnumb patientspecialistrecordnumb "
            "patienthospitalrecordnumb"
        ).split()
        for plant in r2(tag, f"<{tag}>{MARK}-77</{tag}>")
    ),
    *r2(
        "patientbirthdate",
        "<patientbirthdateformat>102</patientbirthdateformat>"
        "<patientbirthdate>19800102</patientbirthdate>",
    ),
    *r2("parent", f"<parent><parentidentification>{MARK}</parentidentification></parent>"),
    *r2("reporter", source=f"<reportercountry>US</reportercountry>{_REPORTER}"),
    *r2("sender", head=_SENDER, comes="never read"),
    *r2(
        "e-mail for a pseudonym",
        f"<patientinvestigationnumb>jane@{MARK}.org</patientinvestigationnumb>",
        comes="direct_identifier",
    ),
    r3("name", player=f"<name>{MARK}</name>"),
    *(r3(f"record number {root}", player=numbers(root)) for root in ("7", "8", "9")),
    r3("date of birth", player='<name nullFlavor="MSK"/><birthTime value="19800102"/>'),
    r3(
        "reporter's name",
        "never read",
        links=e2b.source().replace(
            '<assignedPerson classCode="PSN" determinerCode="INSTANCE">', _AUTHOR
        ),
    ),
    r3(
        "reporter's address",
        "never read",
        links=e2b.source().replace('<assignedEntity classCode="ASSIGNED">', _ADDRESS),
    ),
    openfda("initials", patientinitial=MARK),
    openfda("record number", patienthospitalrecordnumb=MARK),
    openfda("date of birth", patientbirthdate="19800102"),
    *(
        Plant(
            "openfda", tag, json.dumps(samples.OPENFDA | {"primarysource": {tag: MARK}}), "masked"
        )
        for tag in ("reportergivename", "reporterfamilyname", "reporterstreet")
    ),
    *fhir("name of the subject", subject={"reference": "Patient/p7", "display": f"Jane {MARK}"}),
    *fhir("record number", subject={"identifier": {"value": f"{MARK}-77"}}),
    *fhir("subject by search", subject={"reference": f"Patient?identifier=urn:mrn|{MARK}-77"}),
    *fhir("contained patient", subject={"reference": "#p7"}, contained=[person(), _DRUG]),
    *fhir("recorder", recorder={"display": f"Dr. {MARK}"}),
    *fhir("contained reporter", contained=[person("Practitioner"), _DRUG]),
    *fhir("participant", participant=[{"actor": {"display": f"Dr. {MARK}"}}]),
    *fhir("author of a note", note=[{"authorString": f"Dr. {MARK}", "text": "told"}]),
    *fhir(
        "serial of a device",
        contained=[
            {"resourceType": "Device", "id": "d", "serialNumber": f"SN-{MARK}"},
            _DRUG,
        ],
    ),
]
_NAMES = [f"{plant.form}: {plant.what}" for plant in PLANTS]
_BORN = ("1980-01-02", "19800102")


def test_the_table_has_every_format_and_names_each_identifier_once() -> None:
    assert {plant.form for plant in PLANTS} == FORMATS.keys()
    assert len(set(_NAMES)) == len(_NAMES)


def planted(folder: Path, plant: Plant) -> Path:
    """The file."""
    if plant.form == "faers_ascii":
        return samples.quarter(folder, {"ascii/DEMO25Q3.txt": plant.content})
    if plant.form == "mapped_csv":
        samples.written(folder, samples.MAPPING.replace('";"', '","'), "reports.toml")
    return samples.written(folder, plant.content, "reports")


def body_of(record: SourceRecord) -> bytes:
    """What of a record enters the model, its narrative too; raises `RecordError`."""
    if record.report is None:
        assert not record.faults, "a record with faults has no body"
        return check(record.stream, record.raw, sender=record.sender, taken_at=NOW).body
    checked(record.stream, record.report, sender=record.sender, taken_at=NOW)
    return REPORT.dump_json(record.report)


@pytest.mark.parametrize("plant", PLANTS, ids=_NAMES)
def test_no_reader_takes_a_direct_identifier(plant: Plant, tmp_path: Path) -> None:
    path = planted(tmp_path, plant)
    if plant.comes == "unknown_column":
        with pytest.raises(InputError) as refused:
            read(path, plant.form)
        assert refused.value.code == plant.comes
        assert MARK not in str(refused.value)
        return
    reading = read(path, plant.form)
    records = list(reading)
    assert records
    codes = set()
    for record in records:
        faults = record.faults
        body = b""
        if not faults:
            try:
                body = body_of(record)
            except RecordError as error:
                faults = error.faults
        codes |= {fault.code for fault in faults}
        told = str(faults)
        for text in (MARK, *_BORN):
            assert text.encode() not in body
            assert text not in told
    counted = [key for key in reading.unknown if MASKED in key]
    assert not any(MARK in key for key in reading.unknown)
    expects = set() if plant.comes in ("masked", "never read") else {plant.comes}
    assert codes == expects
    assert bool(counted) == (plant.comes == "masked")
    if plant.form.endswith(("csv", "ascii")):
        # of a table not even the raw record has it
        assert not any(MARK.encode() in record.raw for record in records)


@pytest.mark.parametrize(
    "plant", [p for p in PLANTS if p.form in ("e2b_r2", "e2b_r3", "fhir")], ids=lambda p: p.what
)
def test_who_pushes_is_told_what_was_left_out(plant: Plant) -> None:
    content = plant.content if isinstance(plant.content, bytes) else plant.content.encode()
    first, *_ = received(content, "fhir" if plant.form == "fhir" else "xml", "clinic")
    assert bool(first.masked) == (plant.comes == "masked")
    assert {fault.code for fault in first.masked} <= {"direct_identifier"}
    assert MARK not in str(first.masked)


def test_what_one_message_named_is_not_told_of_the_next() -> None:
    named = e2b.safetyreport(patient=f"<patientinitial>{MARK}</patientinitial>")
    text = e2b.ichicsr([named, e2b.safetyreport("2-1")])
    first, second = received(text.encode(), "xml", "clinic")
    assert [fault.path for fault in first.masked] == ["D.1"]
    assert second.masked == ()


def test_a_mapping_that_calls_a_name_a_pseudonym_is_refused(tmp_path: Path) -> None:
    path = samples.written(tmp_path, f"Patient name;{samples.MAPPED_CSV}", "reports.csv")
    samples.written(tmp_path, samples.MAPPING + 'pseudonym = "Patient name"\n', "reports.csv.toml")
    with pytest.raises(InputError) as error:
        read(path, "mapped_csv")
    assert error.value.code == "direct_identifier"


def test_a_column_that_the_mapping_needs_stays_whatever_it_is_called(tmp_path: Path) -> None:
    text = samples.MAPPED_CSV.replace("Case;", "Record number;")
    path = samples.written(tmp_path, text, "reports.csv")
    samples.written(
        tmp_path, samples.MAPPING.replace('"Case"', '"Record number"'), "reports.csv.toml"
    )
    (record,) = samples.records(path, "mapped_csv")
    assert msgspec.json.decode(record.raw)["record number"] == "A-1"
