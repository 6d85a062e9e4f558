"""No output holds a narrative or a direct identifier: each one is fetched, and searched.

A web process and a worker take a record of each stream and kind of body, pushed and imported, with
marks in narratives and in what could name a person. Then every route as everybody, every file that
a command writes, what the processes said, the log and the files of the store are looked through.
That the walk finds what is there is shown by a mark that may be seen: the pseudonym.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pypdfium2
import pytest
from sqlalchemy import func, select

from dashboards import people
from dashboards.access import TABLE
from dashboards.reports.formats import rendered
from dashboards.reports.periodic import periodic
from dashboards.reports.setting import Setting
from schemas.formats import read
from streams.cli import main
from streams.log import open_log
from streams.master_key import load_sealer
from streams.settings import Settings
from streams.store import tables
from streams.store.store import open_store
from tests.dashboards.followups import clinic
from tests.deployment import Deployment, eventually, free_port, report
from tests.schemas.formats import e2b, fhir_samples

NARRATIVE = "narrqxz"
NAMED = "nameqxz"
PSEUDONYM = "pseudqxz"

READER = "officer who may read narratives"
PEOPLE: dict[str, tuple[people.Role, bool] | None] = {
    "nobody": None,
    "officer": ("officer", False),
    READER: ("officer", False),
    "regulator": ("regulator", False),
    "regulator with rows": ("regulator", True),
    "admin": ("admin", False),
    "admin with rows": ("admin", True),
}
# one of each way in: JSON, E2B(R3), E2B(R2), FHIR, a table, a table with a mapping
CASES = ("A-1", "A-11", "A-13", "A-14", "B-1", "C-1")
_SEEN = 64 << 10  # bytes of an answer that never ends
_SECONDS = 0.4  # of it


class Logged(Deployment):
    """A deployment whose processes write what they say to files."""

    def __init__(self, data: Path, **environment: str) -> None:
        super().__init__(data, **environment)
        self.said = data.parent / "said"
        self.worker_port = free_port()

    def launch(self, name: str, arguments: list[str]) -> None:
        self.said.mkdir(exist_ok=True)
        if name == "worker":
            arguments = [*arguments, "--port", str(self.worker_port)]
        with (self.said / name).open("ab") as file:
            self.processes[name] = subprocess.Popen(
                self.command(*arguments), env=self.environment, stdout=file, stderr=file
            )


@dataclass
class Outputs:
    """Every output by what it is, as text is searched: in small letters."""

    deployment: Logged
    found: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        self.found[name] = content.lower()
        if content.startswith(b"%PDF"):
            document = pypdfium2.PdfDocument(content)
            pages = (page.get_textpage().get_text_range() for page in document)
            self.found[f"{name}, its text"] = "\n".join(pages).lower().encode()
            document.close()

    def holding(self, mark: str) -> list[str]:
        """The outputs in which a mark stands."""
        assert mark == mark.lower()
        # a text layer may break a word over two lines
        return [
            name
            for name, content in self.found.items()
            if mark.encode() in content.replace(b"\xc2\xad", b"").replace(b"\r\n", b"")
        ]


def told(number: int, **changes: Any) -> dict[str, Any]:
    """A fatal case with a narrative."""
    return report(
        "clinic-a",
        f"A-{number}",
        patient={"pseudonym": f"{PSEUDONYM}-{number}", "age_years": 44, "sex": "female"},
        products=[{"name": "Spravato", "role": "suspect", "rechallenge": "positive"}],
        reactions=[{"term": "Completed suicide", "outcome": "fatal", "seriousness": ["death"]}],
        narrative=f"She said that {NARRATIVE} had called.",
        **changes,
    )


def pushed(outputs: Outputs) -> None:
    """A record of each stream and kind of body: what is taken, what is held, what is validated."""
    deployment = outputs.deployment
    key = deployment.key("clinic-a")
    first, *_ = courses = clinic()
    registry = deployment.key(first["registry"])
    r3 = e2b.message("A-11", player=f"<name>{NAMED}</name>", narrative=NARRATIVE)
    held = e2b.message("A-12", player=f"<name>{NAMED}</name>", narrative=NARRATIVE, received="x")
    r2 = e2b.safetyreport(
        "A-13",
        patient=f"<patientinitial>{NAMED}</patientinitial>",
        source=f"<reportergivename>{NAMED}</reportergivename><reportercountry>US</reportercountry>",
    ).replace(
        "</patient>",
        f"<summary><narrativeincludeclinical>{NARRATIVE}</narrativeincludeclinical></summary>"
        "</patient>",
    )
    event = fhir_samples.r4(
        "A-14", subject={"reference": "Patient/p7", "display": NAMED}, note=[{"text": NARRATIVE}]
    )
    known = told(5) | {"received_at": "2025-07-03T10:00:00"}
    bodies: list[tuple[str, str, Any, str, str]] = [
        ("reports", "", [told(n) for n in range(4)], "application/json", key),
        ("reports", "", [told(4, version=2), known], "application/json", key),
        ("reports", "", [told(6) | {"patient": {"name": NAMED}}], "application/json", key),
        ("reports", "", f'{{"narrative": "{NARRATIVE}", '.encode(), "application/json", key),
        ("reports", "?validate=true", [told(7)], "application/json", key),
        ("reports", "", e2b.batch([r3, held]).encode(), "application/xml", key),
        ("reports", "", e2b.ichicsr([r2]).encode(), "application/xml", key),
        ("reports", "", json.dumps(event).encode(), "application/fhir+json", key),
        ("followups", "", courses, "application/json", registry),
        ("followups", "", [first | {"birth_date": NAMED}], "application/json", registry),
    ]
    receipts = []
    for place, (stream, query, body, kind, by) in enumerate(bodies):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {by}", "Content-Type": kind}
        if kind == "application/xml":  # asks for an acknowledgement
            headers["Accept"] = "application/xml"
        url = f"{deployment.url}/v1/{stream}{query}"
        answer = httpx.post(url, content=content, headers=headers, timeout=60)
        assert answer.status_code in (202, 422), answer.text
        outputs.add(f"answer {place} to a push of {kind}", answer.content)
        if "json" in answer.headers["content-type"] and (id_ := answer.json()["receipt_id"]):
            receipts.append((by, id_))
        elif location := answer.headers.get("location"):
            receipts.append((by, location.rpartition("/")[2]))
    assert len(receipts) == len(bodies) - 1
    for by, id_ in receipts:
        eventually(
            lambda by=by, id_=id_: not deployment.receipt(by, id_)["summary"]["pending"],  # type: ignore[misc]
            "records to be disposed of",
        )
        answer = httpx.get(
            f"{deployment.url}/v1/receipts/{id_}", headers={"Authorization": f"Bearer {by}"}
        )
        outputs.add(f"receipt {id_}", answer.content)


def imported(outputs: Outputs, folder: Path) -> None:
    """Files with a narrative, and with a column that names somebody."""
    files = {
        "flat.csv": "report_id,received_at,products,events,narrative\n"
        f"B-1,2025-07-03,KETALAR::PS,Completed suicide,{NARRATIVE}\n",
        "mapped.csv": "Case,Receipt,Drug,Event,Story,Patient name\n"
        f"C-1,2025-07-03,Spravato,Dissociation,{NARRATIVE},{NAMED}\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    (folder / "mapped.csv.toml").write_text(
        '[columns]\nreport_id = "Case"\nreceived_at = "Receipt"\nproducts = "Drug"\n'
        'reactions = "Event"\nnarrative = "Story"\n'
    )
    for name in files:
        done = outputs.deployment.run("import", str(folder / name))
        outputs.add(f"import of {name}", (done.stdout + done.stderr).encode())


def signed_in(outputs: Outputs) -> Iterator[tuple[str, httpx.Client]]:
    """Everybody who may ask, each signed in."""
    store = open_store(Settings.read(outputs.deployment.data).store)
    with closing(store):
        for name, given in PEOPLE.items():
            cookies = {}
            if given is not None:
                people.create_user(store, name, given[0], patient_level=given[1])
                if name == READER:
                    people.grant(store, name, narratives=True, why="assesses cases")
                link = people.create_link(store, name)
                token = people.use_link(store, link.removeprefix("/sign-in/"))
                assert token
                cookies["ketavigil_session"] = token
            url = outputs.deployment.url
            with httpx.Client(base_url=url, cookies=cookies, timeout=60) as client:
                yield name, client


def paths(outputs: Outputs) -> Iterator[str]:
    """Every route of the table with whatever stands in it: each signal, course, event, format."""
    store = open_store(Settings.read(outputs.deployment.data).store)
    with closing(store), store.read() as connection:
        one = select(func.min(tables.signals.c.id)).group_by(tables.signals.c.dataset)
        signals = sorted(connection.scalars(one))
        cases = list(
            connection.scalars(
                select(tables.cases.c.id)
                .join(tables.records, tables.records.c.id == tables.cases.c.newest)
                .where(tables.cases.c.stream == "reports")
                .where(tables.cases.c.report_id.in_(CASES))
            )
        )
        courses = list(connection.scalars(select(tables.courses.c.id).limit(2)))
        events = list(connection.scalars(select(tables.findings.c.event).distinct().limit(3)))
    assert len(signals) == 2  # of reports, and of courses
    assert len(cases) == len(CASES)
    assert courses
    assert events
    for pattern in TABLE:
        if pattern.endswith("/report"):
            for number in signals:
                path = pattern.replace("{number:int}", str(number))
                forms = ("html", "pdf", "json", "csv") if number == 1 else ("html", "json")
                yield from (f"{path}?format={form}" for form in forms)
        elif "{number:int}" in pattern:
            of = pattern.split("/")[1]
            numbers = {"courses": courses, "cases": cases}.get(of, signals)
            yield from (pattern.replace("{number:int}", str(number)) for number in numbers)
        elif "{event:path}" in pattern:
            yield from (pattern.replace("{event:path}", event) for event in events)
        else:
            yield re.sub(r"\{[^}]*\}", "x", pattern)


def walked(outputs: Outputs) -> None:
    """Ask every path as everybody; what never ends is read for a while."""
    asked = list(paths(outputs))
    for who, client in signed_in(outputs):
        for path in asked:
            content, until = b"", time.monotonic() + _SECONDS
            timeout = httpx.Timeout(60, read=_SECONDS if path.endswith("/events") else 60)
            with client.stream("GET", path, timeout=timeout) as answer:
                assert answer.status_code != 429
                assert answer.status_code < 500, path
                try:
                    for chunk in answer.iter_bytes():
                        content += chunk
                        endless = "event-stream" in answer.headers.get("content-type", "")
                        if endless and (len(content) > _SEEN or time.monotonic() > until):
                            break
                except httpx.ReadTimeout:
                    pass
            outputs.add(f"{path} as {who}", content)


def periodic_report(deployment: Deployment) -> Iterator[tuple[str, bytes]]:
    """That of the day that is not over, in each format."""
    settings = Settings.read(deployment.data)
    today = datetime.now(UTC).date()
    store = open_store(settings.store, sealer=load_sealer(settings.data))
    with closing(store), store.read() as connection:
        setting, over = Setting.load(settings), today + timedelta(days=1)
        made = periodic(connection, today - timedelta(days=9), today, setting, today=over)
    for name in ("html", "pdf", "json", "csv"):
        yield name, rendered(made, name)


def printed(deployment: Deployment, *command: str) -> str:
    """What a command prints, run in this process."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        assert main([*command, "--data", str(deployment.data)]) == 0, said.getvalue()
    return said.getvalue()


def commanded(outputs: Outputs, folder: Path) -> None:
    """What commands print and write."""
    deployment = outputs.deployment
    forms, out = "html,pdf,json,csv", str(folder)
    commands = [
        ("report", "1", "--format", forms, "--out", out),
        *(("cases", "1", str(folder / f"cases.{kind}")) for kind in ("xml", "csv", "ndjson", "pq")),
        ("quarantine", "list"),
        ("verify", "--json"),
        ("rebuild",),
        ("trail", "head", "--out", str(folder / "heads.ndjson")),
    ]
    for command in commands:
        outputs.add(" ".join(command[:3]), printed(deployment, *command).encode())
    for name, content in periodic_report(deployment):
        outputs.add(f"periodic report as {name}", content)
    for path in sorted(folder.iterdir()):
        outputs.add(path.name, path.read_bytes())
        if path.suffix == ".pq":
            rows = b"\n".join(record.raw for record in read(path))
            outputs.add(f"{path.name}, its rows", rows)


def logged(outputs: Outputs) -> None:
    """The topics, the files of log and store, and what the processes said."""
    settings = Settings.read(outputs.deployment.data)
    with closing(open_log(settings.broker)) as log:
        for topic in ("reports", "followups", "changes", "signals"):
            one = topic in ("changes", "signals")
            for partition in range(1 if one else settings.partitions()):
                messages = log.read(topic, partition, log.start(topic, partition), 10_000)
                content = b"\n".join(message.value or b"" for message in messages)
                outputs.add(f"topic {topic}/{partition}", content)
    for folder in (outputs.deployment.data, outputs.deployment.said):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                outputs.add(f"file {path.relative_to(folder.parent)}", path.read_bytes())
    for route in ("/healthz", "/readyz", "/metrics"):
        answer = httpx.get(f"http://127.0.0.1:{outputs.deployment.worker_port}{route}", timeout=30)
        outputs.add(f"{route} of the worker", answer.content)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outputs]:
    """Every output there is."""
    folder = tmp_path_factory.mktemp("walk")
    files, written = folder / "files", folder / "written"
    files.mkdir()
    written.mkdir()
    with Logged(folder / "data") as deployment:
        deployment.data.mkdir()
        deployment.up()
        found = Outputs(deployment)
        pushed(found)
        imported(found, files)
        walked(found)
        commanded(found, written)
        logged(found)
        yield found


def test_the_walk_has_every_kind_of_output(outputs: Outputs) -> None:
    names = " ".join(outputs.found)
    for kind in (
        "/metrics as nobody", "/readyz of the worker", "answer 5 to a push of application/xml",
        "receipt", "/signals/1 as officer", "/signals/1/cases.csv as officer",
        "/v1/signals/1/report?format=pdf as regulator, its text",
        "cases.xml", "cases.pq, its rows", "import of flat.csv", "quarantine list",
        "periodic report as pdf, its text", "signal-1-at-",
        "topic changes/0", "topic signals/0", "file said/web", "file said/worker",
        "file data/store.db", "/trail as admin", "/inbox/events as officer",
    ):  # fmt: skip
        assert kind in names
    assert any(re.fullmatch(r"/courses/\d+ as officer", name) for name in outputs.found)
    officer = {name: text for name, text in outputs.found.items() if name.endswith("as officer")}
    empty = {name for name, text in officer.items() if not text and "/events" not in name}
    # no day is over whose trail could be signed; the others lead elsewhere
    left = ("/static", "/sign-in", "/sign-in/x", "/trail/heads.ndjson")
    assert empty <= {f"{path} as officer" for path in left}
    assert len(officer) > 40


def test_the_walk_finds_what_may_be_seen_and_where_alone(outputs: Outputs) -> None:
    found = outputs.holding(PSEUDONYM)
    assert "/signals/1 as officer" in found
    assert "/signals/1/cases.csv as admin with rows" in found
    assert "cases.ndjson" in found
    assert "cases.pq, its rows" in found
    allowed = re.compile(r"as (officer.*|\w+ with rows)$|cases\.(xml|csv|ndjson|pq)")
    assert [name for name in found if not allowed.search(name)] == []


def test_the_walk_would_find_a_narrative_and_a_name(outputs: Outputs) -> None:
    """An operator who asks for a held record as it came is shown it; that is in the trail."""
    held = json.loads(printed(outputs.deployment, "quarantine", "list", "--json"))
    shown = Outputs(outputs.deployment)
    for row in held:
        number = str(row["id"])
        shown.add(
            f"held {number}", printed(outputs.deployment, "quarantine", "show", number).encode()
        )
    assert len(shown.holding(NARRATIVE)) >= 3
    assert len(shown.holding(NAMED)) >= 2


def test_no_output_holds_a_name(outputs: Outputs) -> None:
    assert outputs.holding(NAMED) == []


def test_a_narrative_is_told_to_who_was_granted_it_on_the_page_of_the_case_and_nowhere_else(
    outputs: Outputs,
) -> None:
    found = outputs.holding(NARRATIVE)
    told = re.compile(rf"/cases/\d+/narrative as {READER}")
    assert [name for name in found if not told.fullmatch(name)] == []
    assert len(found) == len(CASES)
