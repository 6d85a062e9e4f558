"""The README's commands are run, in order, against a deployment that they start themselves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deployment import eventually, free_port

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PORT = "8080"


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What each block of commands prints, run one after the other in one shell."""
    folder = tmp_path_factory.mktemp("readme")
    port = str(free_port())
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KETAVIGIL_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = clean | {"PATH": path, "NO_PROXY": "127.0.0.1"}
    (start,) = _blocks("sh up")
    with (folder / "up.out").open("w") as out:
        up = subprocess.Popen(
            start.replace(PORT, port).split(), cwd=folder, env=environment, stdout=out, stderr=out
        )
    try:
        eventually(lambda: _answers(port), "the web process")
        eventually((folder / "data" / "worker.ready").exists, "the worker")
        marked = [f"{block}\necho -n '<END>'" for block in _blocks("sh")]
        script = "set -eu\n" + "\n".join(marked).replace(PORT, port)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield done.stdout.split("<END>")
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=60) == 0, (folder / "up.out").read_text()


def _answers(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_the_first_two_commands_are_the_demo_and_the_tests() -> None:
    commands = re.findall(r"^    (.+)$", README, re.MULTILINE)
    assert commands[:2] == ["./dev demo", "./dev test"]


def test_a_report_is_validated_then_accepted_then_counted(outputs: list[str]) -> None:
    validated, accepted = outputs[2].strip().replace("}{", "}\n{").splitlines()
    assert json.loads(validated)["records"][0]["status"] == "accepted"
    answer = json.loads(accepted)
    assert answer["receipt_id"]
    assert answer["records"] == [{"index": 0, "id": "A-1", "status": "accepted", "errors": []}]
    receipt = json.loads(outputs[3])
    assert receipt["receipt_id"] == answer["receipt_id"]
    assert receipt["records"][0]["disposition"] == "counted"


def test_a_wrong_record_is_told_and_held(outputs: list[str]) -> None:
    answer, _ = json.JSONDecoder().raw_decode(outputs[4])
    (record,) = answer["records"]
    assert record["status"] == "rejected"
    assert [(e["code"], e["path"]) for e in record["errors"]] == [("naive_datetime", "received_at")]
    assert "clinic-a  A-1  naive_datetime" in outputs[4]
    assert outputs[4].rstrip().endswith("1 held")


def test_the_sample_is_imported_and_verified(outputs: list[str]) -> None:
    assert re.search(r"^received\s+105$", outputs[5], re.MULTILINE)
    assert re.search(r"^counted\s+105$", outputs[5], re.MULTILINE)
    assert "0 differences" in outputs[6]


def test_the_sample_is_scored_and_dated(outputs: list[str]) -> None:
    row, rules = outputs[7].strip().splitlines()
    # by hand: a = 4, b = 20, c = 1, d = 80: PRR = (4/24) / (1/81)
    values = row.split(",")
    assert values[:7] == ["ketamine", "Cystitis", "4", "24", "5", "105", values[6]]
    assert float(values[6]) == pytest.approx(24 * 5 / 105)
    assert float(values[7]) == pytest.approx((4 / 24) / (1 / 81))
    first = {rule["rule"]: (rule["date"], rule["n"]) for rule in json.loads(rules)["rules"]}
    # on the third day a = 3, b = 20, c = 1, d = 80: the ROR is 12, its lower limit 1.19, and
    # chi-squared with Yates' correction 104 (220 - 52)^2 / (23 * 81 * 4 * 100) = 3.94
    assert first["ror025"] == ("2025-07-03", 3)
    assert first["evans_prr"] == ("2025-07-04", 4)


def test_a_regulator_is_made_and_gets_a_link(outputs: list[str]) -> None:
    assert re.fullmatch(r"/sign-in/\S{43}", outputs[10].strip())


def test_a_head_of_the_trail_that_was_kept_is_found_again(outputs: list[str]) -> None:
    assert "FAIL" not in outputs[11]
    check = "the audit trail is the one that was signed"
    signed = re.search(rf"^ok   {check}: (.*)$", outputs[11], re.MULTILINE)
    assert signed is not None
    assert signed[1].endswith("kept_elsewhere 1, wrong []")


def test_a_report_is_written_and_checks_out(outputs: list[str]) -> None:
    *written, checked = outputs[12].split("\n")[:-1]
    assert [line.rsplit(".", 1)[1] for line in written] == ["html", "pdf", "json", "csv"]
    assert all(line.startswith("reports/signal-1-at-") for line in written)
    assert re.fullmatch(r"signal-1-at-\d+: \d+ values compared, 0 differ", checked)


def test_every_page_that_the_readme_names_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
