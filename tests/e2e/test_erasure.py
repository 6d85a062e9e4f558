"""Erasure on a running deployment: killed in the middle, resumed, and nothing left in its files."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.deployment import Deployment, eventually, report

PATIENT = "patient-seventeen"
REASON = "asked for in writing"
ERASE = ("erase", "--sender", "clinic", "--patient", PATIENT, "--why", REASON)
# a real death of the process at a line of the program
KILLED = """
import os, signal, sys
from streams.privacy import erasing, losing
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
{module}.{name} = die
from streams.cli import main
sys.exit(main(sys.argv[1:]))
"""


def urinary(record_id: str, patient: str, day: int) -> dict[str, Any]:
    return {
        "registry": "clinic",
        "record_id": record_id,
        "patient": patient,
        "course": "1",
        "at": f"2025-07-{day:02}",
        "kind": "urinary",
        "haematuria": True,
    }


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("erasure") / "data") as running:
        running.up()
        key = running.key("clinic")
        told = [
            report("clinic", f"R-{n}", patient={"pseudonym": who}, narrative=f"{who} told {n}")
            for n, who in enumerate((PATIENT, PATIENT, "another"))
        ]
        answers = [
            running.push(key, told),
            running.push(
                key,
                [urinary(f"F-{n}", PATIENT, 1 + n) for n in range(3)]
                + [urinary("F-9", "other", 4)],
                stream="followups",
            ),
        ]
        for answer in answers:
            assert answer.status_code == 202
            receipt = answer.json()["receipt_id"]
            eventually(
                lambda receipt=receipt: not pending(running, key, receipt),  # type: ignore[misc]
                "records to be disposed of",
            )
        running.environment["CLINIC_KEY"] = key
        yield running


def pending(deployment: Deployment, key: str, receipt: str) -> bool:
    return bool(deployment.receipt(key, receipt)["summary"]["pending"])


def killed(deployment: Deployment, module: str, name: str) -> None:
    """Run the erasure until its process kills itself in a function."""
    script = KILLED.format(module=module, name=name)
    done = subprocess.run(
        [sys.executable, "-c", script, *ERASE],
        env=deployment.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def one(deployment: Deployment, query: str) -> Any:
    with sqlite3.connect(f"file:{deployment.data}/store.db?mode=ro", uri=True) as connection:
        ((value,),) = connection.execute(query).fetchall()
    return value


LOST = "SELECT count(*) FROM records WHERE wrapped_key IS NULL"


def figures(deployment: Deployment) -> dict[str, Any]:
    checks = {check["name"]: check for check in deployment.verify()["checks"]}
    found: dict[str, Any] = checks["erased records are those of the audit trail"]["figures"]
    return found


def test_killed_within_the_transaction_nothing_has_happened(deployment: Deployment) -> None:
    killed(deployment, "losing", "lose_courses")
    assert one(deployment, LOST) == 0
    assert figures(deployment)["erasures"] == 0


def test_killed_behind_it_the_erasure_is_open_and_is_ended_later(deployment: Deployment) -> None:
    killed(deployment, "erasing", "finish")
    assert one(deployment, LOST) == 5
    assert figures(deployment) == {
        "erasures": 1, "records": 5, "refused": 0, "open": 1, "wrong": [],
    }  # fmt: skip
    said = json.loads(deployment.run("erase", "--resume", "--json").stdout)
    assert len(said["ended"]) == 1
    assert figures(deployment)["open"] == 0


def test_a_second_time_nothing_is_left_to_erase(deployment: Deployment) -> None:
    said = json.loads(deployment.run(*ERASE, "--json").stdout)
    assert said == {
        "entry": None, "cases": 0, "records": 0, "bodies": 0, "courses": 0, "ended": [],
    }  # fmt: skip
    assert "nothing was open" in deployment.run("erase", "--resume").stdout


def test_no_file_says_who_it_was_or_what_was_told(deployment: Deployment) -> None:
    for path in sorted(deployment.data.rglob("*")):
        if path.is_file():
            assert PATIENT.encode() not in path.read_bytes(), path.name


def test_what_comes_again_is_told_so(deployment: Deployment) -> None:
    key = deployment.environment["CLINIC_KEY"]
    again = report("clinic", "R-9", patient={"pseudonym": PATIENT}, narrative=f"{PATIENT} again")
    receipt = deployment.push(key, [again]).json()["receipt_id"]

    def became() -> Any:
        return deployment.receipt(key, receipt)["records"][0]

    eventually(lambda: became()["disposition"] != "pending", "the record to be disposed of")
    assert became()["disposition"] == "quarantined"
    assert became()["errors"][0]["code"] == "erased_patient"
    assert figures(deployment)["refused"] == 1
    assert deployment.run("rebuild").returncode == 0


def test_the_trail_has_who_and_why(deployment: Deployment) -> None:
    query = "SELECT who || '|' || why FROM trail WHERE what = 'records_erased'"
    who, _, why = one(deployment, query).partition("|")
    assert who.startswith("console")
    assert why == REASON


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sender", "clinic", "--patient", "p"), "no_reason"),
        (("--patient", "p", "--why", "w"), "give --sender"),
        (("--sender", "c", "--patient", "p", "--report", "r", "--why", "w"), "give --sender"),
        (("--sender", "c", "--patient", "p", "--why", "p asked"), "reason_names_patient"),
    ],
)
def test_what_cannot_be_is_refused(
    deployment: Deployment, arguments: tuple[str, ...], said: str
) -> None:
    assert said in deployment.run("erase", *arguments, status=2).stderr


def test_the_web_process_goes_on(deployment: Deployment) -> None:
    assert httpx.get(f"{deployment.url}/readyz", timeout=10).status_code == 200
