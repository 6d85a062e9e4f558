"""schemathesis, which makes requests from the OpenAPI document, against a gateway that runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from dashboards import people
from dashboards.access import COOKIE
from dashboards.web import create_web
from streams.gateway.keys import create_key
from streams.gateway.limits import Limits
from streams.gateway.openapi import document
from streams.log import Message
from tests.dashboards.reports.support import background, cystitis, told
from tests.dashboards.schemathesis_hooks import SENDER
from tests.streams.gateway.serving import running

ROOT = Path(__file__).parents[2]
CONFIGURATION = """
hooks = "tests.dashboards.schemathesis_hooks"
[auth.openapi.key]
bearer = "{key}"
[auth.openapi.session]
api_key = "{cookie}"
[checks.positive_data_acceptance]
# 422 is looked at by a check of our own; a signal or moment may be none of this store (404)
expected-statuses = ["2xx", "404", "422"]
"""


class Web(NamedTuple):
    """The web process of a deployment with signals, and who may use it."""

    url: str
    key: str
    cookie: str


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(background(1, 80))
        made.at += timedelta(days=1)
        made.tell(cystitis(100, 6))
        # the records that were told came past the log: what is pushed lies behind them
        made.filled.log.append([Message("reports", 0, b"", b"")] * 2)
        store = made.filled.store
        key = create_key(store, SENDER, "registry")
        with (
            running(create_web(made.settings, Limits(rate=1e9, burst=1e9))) as url,
            httpx.Client(base_url=url, trust_env=False, timeout=30) as client,
        ):
            client.post(people.create_link(store, "Ann"))
            yield Web(url, key, client.cookies[COOKIE])


def test_schemathesis_finds_nothing(web: Web, tmp_path: Path) -> None:
    """Every check of its own, and one of ours: what fits the document is taken."""
    configuration, report = tmp_path / "schemathesis.toml", tmp_path / "report.json"
    configuration.write_text(CONFIGURATION.format(key=web.key, cookie=web.cookie))
    # the same requests each time: drawn from the document, not by chance
    drawn = ["--generation-deterministic", "--max-examples", "10"]
    told = ["--continue-on-failure", "--no-color", "--report-json-path", str(report)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", f"{web.url}/v1/openapi.json", *drawn, *told),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    found = json.loads(report.read_text())
    paths = set(document(Limits())["paths"]) - {"/v1/openapi.json"}  # it is read, not tested
    assert found["operations"]["tested"] == len(paths)
    assert {phase["status"] for phase in found["phases"].values()} == {"success"}
    assert found["test_cases"]["generated"] > 4_000
    assert found["failures"] == found["errors"] == []
