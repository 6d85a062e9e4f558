"""Every number of the board is the store's and the command line's, for one position.

A clinic's file and a registry's courses go the whole way into a deployment that then stands still;
what pages, exports, metrics, the API and commands say is read and compared, signal by signal.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Table, select

from dashboards import people
from streams.bench import pipeline
from streams.settings import Settings
from streams.store import tables
from streams.store.store import open_store
from streams.store.workflow import NOW
from tests.dashboards.followups import clinic
from tests.deployment import Deployment

RECORDS = 1_200
COUNTS = ("n", "n_product", "n_event", "n_total")
STATISTICS = tuple(name for name in tables.STATISTICS if name not in COUNTS)
LIMITS = {
    "prr": ("prr_lower", "prr_upper"),
    "ror": ("ror_lower", "ror_upper"),
    "ic": ("ic025", "ic975"),
    "ebgm": ("eb05", "eb95"),
}
Pair = tuple[str, str, str]


@dataclass
class Said:
    """A deployment that stands still, what its store holds, and somebody who is signed in."""

    deployment: Deployment
    file: Path
    client: httpx.Client
    signals: dict[int, dict[str, Any]] = field(default_factory=dict)
    scores: dict[Pair, dict[str, Any]] = field(default_factory=dict)
    rates: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def page(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def scored(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The signals of reports that have a score, with it."""
        for number, one in self.signals.items():
            pair = (one["dataset"], one["product"], one["event"])
            if pair in self.scores:
                yield number, self.scores[pair]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Said]:
    folder = tmp_path_factory.mktemp("numbers")
    file = folder / "reports.ndjson"
    pipeline.write(file, RECORDS, 3)
    still = {"KETAVIGIL_CANARY_SECONDS": "0", "KETAVIGIL_SELF_TEST_SECONDS": "0"}
    with Deployment(folder / "data", **still) as deployment:
        deployment.data.mkdir()
        deployment.up()
        courses = clinic()
        key = deployment.key(courses[0]["registry"])
        assert deployment.push(key, courses, stream="followups").status_code == 202
        deployment.run("import", str(file), "--sender", "bench")
        store = open_store(Settings.read(deployment.data).store)
        with closing(store):
            people.create_user(store, "Anna", "officer")
            link = people.create_link(store, "Anna")
            token = people.use_link(store, link.removeprefix("/sign-in/"))
            assert token is not None
            cookies = {"ketavigil_session": token}
            with (
                httpx.Client(base_url=deployment.url, cookies=cookies, timeout=60) as client,
                store.read() as connection,
            ):
                found = Said(deployment, file, client)
                rows = connection.execute(select(NOW)).mappings()
                found.signals = {row["id"]: dict(row) for row in rows}
                found.scores = by(connection, tables.scores, ("dataset", "product", "event"))
                found.rates = by(connection, tables.rates, ("product", "event"))
                yield found


def by(connection: Any, table: Table, names: tuple[str, ...]) -> dict[Any, dict[str, Any]]:
    rows = connection.execute(select(table)).mappings()
    return {tuple(row[name] for name in names): dict(row) for row in rows}


def agrees(shown: str, value: float | None) -> bool:
    """Whether a number as shown is the value, to the last digit shown; – is none."""
    text = shown.strip().replace(",", "").replace("−", "-")
    if value is None or text == "–":
        return value is None and text == "–"
    digits, _, exponent = text.lower().partition("e")
    last = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return abs(float(text) - value) <= last / 2 * (1 + 1e-9)


def test_a_number_is_compared_to_the_last_digit_that_is_shown() -> None:
    assert agrees("1,234.5", 1234.54)
    assert agrees("3.8e-12", 3.78e-12)
    assert not agrees("2.1", 2.16)
    assert agrees("–", None)
    assert not agrees("–", 0.0)
    assert not agrees("0", None)


def test_there_is_something_to_compare(said: Said) -> None:
    assert len(list(said.scored())) > 10
    assert {one["kind"] for one in said.signals.values()} >= {"screening", "case_review"}
    assert len(said.rates) > 10


def test_each_signal_page_shows_the_counts_and_statistics_of_the_store(said: Said) -> None:
    for number, score in said.scored():
        html = said.page(f"/signals/{number}")
        cells = re.search(r'<table class="cells">(.*?)</table>', html, re.S)
        assert cells is not None
        texts = [
            re.sub(r"<[^>]*>|[abcdN](?=</span>)", "", cell)
            for cell in re.findall(r"<td>(.*?)</td>", cells[1], re.S)
        ]
        a, b, n_product, c, d, others, n_event, without, total = (
            int(text.replace(",", "")) for text in texts[-9:]
        )
        assert (a, a + b, a + c, a + b + c + d) == tuple(score[name] for name in COUNTS)
        assert (n_product, n_event, total) == (a + b, a + c, a + b + c + d)
        assert (others, without) == (c + d, b + d)
        rows = re.findall(
            r'<tr id="(\w+)">.*?data-label="Value">(.*?)</td>.*?limits">(.*?)</td>', html, re.S
        )
        shown = {name: (value, limits) for name, value, limits in rows}
        assert set(shown) >= {"expected", "prr", "ror", "ic", "ebgm", "chi2", "fisher_p"}
        for name, (value, limits) in shown.items():
            assert agrees(value, score[name]), (number, name, value, score[name])
            if name in LIMITS and score[name] is not None:
                for text, limit in zip(limits.split(" to "), LIMITS[name], strict=True):
                    assert agrees(text, score[limit]), (number, limit, text, score[limit])


def test_the_list_of_signals_shows_the_statistics_of_the_store(said: Said) -> None:
    html, seen = "", 0
    path: str | None = "/signals"
    while path is not None:
        page = said.page(path)
        html += page
        more = re.search(r'<a rel="next" href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else None
    rows = {
        int(number): row for number, row in re.findall(r'id="signal-(\d+)"(.*?)</tr>', html, re.S)
    }
    assert set(rows) == set(said.signals)
    for number, score in said.scored():
        shown = re.findall(r'data-label="([^"]+)"><span>(.*?)</span></td>', rows[number], re.S)
        for label, cell in shown[:4]:
            name = {"n / expected": "n"}.get(label, label.partition(" ")[0].lower())
            numbers = re.findall(
                r"[-−]?[\d,]+(?:\.\d+)?(?:e[-+]\d+)?|–", re.sub(r"<[^>]*>", " ", cell)
            )
            lower_upper = ("expected",) if name == "n" else LIMITS[name]
            for text, column in zip(numbers, (name, *lower_upper), strict=False):
                assert agrees(text, score[column]), (number, column, text, score[column])
                seen += 1
    assert seen > 100


def test_metrics_the_api_and_the_export_of_the_inbox_have_them_to_the_bit(said: Said) -> None:
    metrics: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(said.page("/metrics")):
        for sample in family.samples:
            if sample.name == "ketavigil_score":
                names = ("dataset", "product", "event", "statistic")
                metrics[tuple(sample.labels[name] for name in names)] = sample.value
    table = csv.reader(io.StringIO(said.page("/inbox.csv")))
    head, *lines = [row for row in table if not row[0].startswith("#")]
    inbox = {
        int(one["signal"]): one for one in (dict(zip(head, row, strict=True)) for row in lines)
    }
    assert set(inbox) == set(said.signals)
    for number, score in said.scored():
        pair = (score["dataset"], score["product"], score["event"])
        api = said.client.get(f"/v1/signals/{number}").json()["score"]
        for name in (*COUNTS, *STATISTICS):
            assert api[name] == score[name], (number, name)
        assert {(*pair, name) for name in ("n", "expected", "ic", "ic025")} <= metrics.keys()
        for name in ("n", "expected", "ic", "ic025"):
            assert float(inbox[number][name]) == score[name], (number, name)
    for (dataset, product, event, name), value in metrics.items():
        if dataset != "cohort":
            assert value == said.scores[dataset, product, event][name], (product, event, name)
    for (product, event), rate in said.rates.items():
        if ("cohort", product, event, "n") in metrics:
            for name in ("n", "rate", "rate_lower", "rate_upper"):
                assert metrics.get(("cohort", product, event, name)) == rate[name], (event, name)


def test_reports_over_http_and_by_command_have_them_to_the_bit(said: Said, tmp_path: Path) -> None:
    for number, score in said.scored():
        report = said.client.get(f"/v1/signals/{number}/report?format=json").json()
        (pair,) = (one for one in report["pairs"] if one["dataset"] == score["dataset"])
        for one in pair["statistics"]:
            assert one["value"] == score[one["name"]], (number, one["name"])
            if one["name"] in LIMITS:
                found = tuple(score[name] for name in LIMITS[one["name"]])
                assert (one["lower"], one["upper"]) == found, (number, one["name"])
        assert report["origin"]["position"] == score["position"]
    number = min(said.signals)
    for form in ("json", "csv", "html", "pdf"):
        arguments = ("--format", form, "--out", str(tmp_path))
        said.deployment.run("report", str(number), "--data", str(said.deployment.data), *arguments)
        (made,) = tmp_path.glob(f"*.{form}")
        answer = said.client.get(f"/v1/signals/{number}/report?format={form}")
        assert made.read_bytes() == answer.content, form


def test_detect_finds_them_in_the_file_itself(said: Said, tmp_path: Path) -> None:
    """The batch way, which knows no store; the prior of EBGM included."""
    out, own = tmp_path / "scores.csv", tmp_path / "reports.ndjson"
    lines = said.file.read_bytes().splitlines(keepends=True)
    # the import holds what another sender's name stands in; `detect` does not know whose file it is
    own.write_bytes(b"".join(one for one in lines if b'"sender":"bench"' in one))
    said.deployment.run("detect", "--input", str(own), "--output", str(out), "--groups")
    with out.open(newline="") as file:
        found = {(row["product"], row["event"]): row for row in csv.DictReader(file)}
    compared = 0
    for _, score in said.scored():
        if score["dataset"] != "spontaneous" or " @" in score["product"]:
            continue
        row = found[score["product"], score["event"]]
        for name in (*COUNTS, *STATISTICS):
            value = float(row[name]) if row[name] else None
            assert value == score[name], (score["product"], score["event"], name)
            compared += 1
    assert compared > 100


def test_the_cohort_page_shows_the_rates_of_the_store(said: Said) -> None:
    compared = 0
    html = said.page("/cohort")
    for row in re.findall(r'<th scope="row"><a href="/cohort/.*?</tr>', html, re.S):
        name = re.search(r">([^<]+)<br>", row)
        event = re.search(r'href="/cohort/([^"]+)"', row)
        shown = re.search(r'First events"><span><strong>([\d,]+)</strong>', row)
        rate = re.search(
            r'per 100 \(95 %\)"><span>\s*([\d.,]+) <span class="limits">([\d.,]+) to ([\d.,]+)',
            row,
        )
        if not (name and event and shown and rate):
            continue
        held = said.rates[name[1], httpx.URL("/" + event[1]).path[1:]]
        assert int(shown[1].replace(",", "")) == held["n"]
        for text, column in zip(rate.groups(), ("rate", "rate_lower", "rate_upper"), strict=True):
            assert agrees(text, 100 * held[column]), (event[1], column, text, held[column])
        compared += 1
    assert compared > 3


def test_what_was_compared_is_of_one_position(said: Said) -> None:
    checks = said.deployment.verify()
    assert all(check["holds"] for check in checks["checks"])
    assert json.loads(said.page("/v1/signals"))["signals"]
