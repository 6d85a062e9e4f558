"""A live deployment watched by real Prometheus and Alertmanager, told to a real webhook.

In the order of the tests: a planted signal, a worker that hangs, one that dies, everything gone,
and back again. The canary goes all the while.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from streams.gateway.keys import create_key
from streams.settings import Settings
from streams.store import tables
from streams.store.store import open_store
from tests.dashboards.followups import clinic
from tests.deployment import Deployment, eventually, report
from tests.monitoring import ROOT, Monitoring, run

BACKGROUND, PLANTED = 60, 4
EVENT = "Haematuria"  # the registry has it too, so that a dashboard of the pair shows both
CANARY = 4.0  # seconds


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with Deployment(folder, KETAVIGIL_CANARY_SECONDS=f"{CANARY:g}") as running:
        yield running.up()


@pytest.fixture(scope="module")
def watch(live: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    with Monitoring(tmp_path_factory.mktemp("monitoring"), live.url) as running:
        yield running


@pytest.fixture(scope="module")
def planted(live: Deployment, watch: Monitoring) -> dict[str, Any]:
    """Records of clinics and a registry, one of them bad, with one event that is too frequent."""
    eventually(lambda: bool(watch.query('up{job="ketavigil"} == 1')), "the first scrape")
    key = new_key(live, "clinic")
    ordinary = {"products": [{"name": "Sertraline"}], "reactions": [{"term": "Nausea"}]}
    others = [report("clinic", f"B-{i}", **ordinary) for i in range(1, BACKGROUND)]
    # one has the event too: without any, no ratio could be computed
    event = {"reactions": [{"term": EVENT}]}
    live.push(key, [*others, report("clinic", "B-0", **ordinary | event)])
    live.push(key, [report("clinic", "bad", received_at="2999-01-01")])
    live.push(new_key(live, "registry-a"), clinic(), stream="followups")
    assert live.push("no key", []).status_code == 401
    given = live.push(key, [report("clinic", f"P-{i}", **event) for i in range(PLANTED)]).json()
    found: dict[str, Any] = given
    return found


def new_key(live: Deployment, name: str) -> str:
    store = open_store(Settings.read(data=live.data).store)
    key = create_key(store, name)
    store.close()
    return key


def signals(live: Deployment, **labels: str) -> list[Any]:
    store = open_store(Settings.read(data=live.data).store)
    with store.read() as connection:
        rows = connection.execute(select(tables.signals)).all()
    store.close()
    return [row for row in rows if all(getattr(row, k) == v for k, v in labels.items())]


def test_a_planted_signal_reaches_whom_it_asks_with_the_right_text(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    pair = {"product": "esketamine", "event": EVENT, "dataset": "spontaneous"}
    eventually(lambda: bool(signals(live, **pair, kind="screening")), "the signal to be raised")
    (row,) = signals(live, **pair, kind="screening")

    def told() -> list[dict[str, Any]]:
        everything = watch.receiver.alerts("officer-ticket", "SignalRaised", "firing")
        return [one for one in everything if one["labels"]["signal"] == str(row.id)]

    eventually(lambda: bool(told()), "the webhook to be told")
    alert = told()[0]
    assert alert["annotations"] == {
        "summary": f"Signal {row.id}: esketamine and {EVENT} (spontaneous, screening).",
        "description": (
            "It waits for a person. More than expected is reported; that is not yet a cause."
        ),
        "board": f"http://127.0.0.1:8080/signals/{row.id}",
        "runbook": "docs/runbook.md#signalraised",
    }
    assert alert["labels"] == pair | {
        "alertname": "SignalRaised",
        "signal": str(row.id),
        "kind": "screening",
        "priority": "normal",
        "state": "new",
        "severity": "ticket",
        "audience": "officer",
        "board": "http://127.0.0.1:8080",
    }
    # nobody who did not ask for it is told
    assert not watch.receiver.alerts("operator-ticket", "SignalRaised", "firing")


def test_what_is_urgent_reaches_the_chat_in_the_words_of_the_template(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    def chats() -> list[str]:
        return [
            attachment["title"] + "\n" + attachment["text"]
            for to, body in watch.receiver.got
            if to == "chat"
            for attachment in body["attachments"]
        ]

    eventually(lambda: any("SignalRaised" in text for text in chats()), "the chat to be told")
    urgent = {row.id: row for row in signals(live, priority="high")}
    text = next(text for text in chats() if "SignalRaised" in text)
    assert text.startswith("[ketavigil, now] SignalRaised")
    assert text.rstrip().endswith("What to do: docs/runbook.md#signalraised")
    named = [row for row in urgent.values() if f"/signals/{row.id}\n" in text]
    assert named
    for row in named:
        assert f"Signal {row.id} of high priority: {row.product} and {row.event} (" in text
    for pseudonym in {one["patient"] for one in clinic()}:
        assert pseudonym not in text


def test_nothing_else_is_wrong(watch: Monitoring, planted: dict[str, Any]) -> None:
    """But for what a slow machine is told of until it has caught up; a scrape has a second."""
    slow = "CanaryLate|DetectorStopped|KetavigilDown|FreshnessOverTarget"
    time.sleep(CANARY)
    others = f'{{alertstate="firing",alertname!~"SignalRaised|EvidenceRisingFast|{slow}"}}'
    assert watch.query(f"max_over_time(ALERTS{others}[5m])") == []
    for name in ("CanaryLate", "DetectorStopped", "KetavigilDown"):
        eventually(partial(watch.quiet, name), f"{name} to be over")


def test_records_are_conserved_at_every_scrape(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    """While records come; the alert has no `for` that would hide a flapping."""
    key = new_key(live, "clinic-b")
    for i in range(20):
        live.push(key, [report("clinic-b", f"C-{i}-{j}") for j in range(20)])
        httpx.get(f"{live.url}/metrics", timeout=30)
    law = "sum by (stream) (ketavigil_records_received) - sum by (stream) (ketavigil_records)"
    found = watch.ask("query_range", query=law, start=time.time() - 60, end=time.time(), step=1)[
        "result"
    ]
    assert {one["metric"]["stream"] for one in found} == {"reports", "followups"}
    assert {value for one in found for _, value in one["values"]} == {"0"}


DASHBOARDS = [
    json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "dashboards/grafana/dashboards").iterdir())
]
QUERIES = [
    pytest.param(target, panel, id=f"{dashboard['uid']}: {panel['title']} {target['refId']}")
    for dashboard in DASHBOARDS
    for panel in dashboard["panels"]
    for target in panel["targets"]
]
# as Grafana fills them in
VARIABLES = {
    "dataset": "spontaneous",
    "product": "esketamine",
    "event": EVENT,
    "__range": "1h",
    "__rate_interval": "1m",
}


def filled(text: str) -> str:
    return re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]], text)


@pytest.mark.parametrize(("target", "panel"), QUERIES)
def test_a_query_of_a_dashboard_returns_data_with_the_labels_of_its_legend(
    target: dict[str, Any], panel: dict[str, Any], watch: Monitoring, planted: dict[str, Any]
) -> None:
    expression = filled(target["expr"])
    now = time.time()
    if target["instant"]:
        found = watch.ask("query", query=expression)["result"]
    else:
        found = watch.ask("query_range", query=expression, start=now - 120, end=now, step=1)[
            "result"
        ]
    assert found
    for one in found:
        values = [one["value"]] if "value" in one else one["values"]
        assert any(value != "NaN" for _, value in values)
        for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", "")):
            assert one["metric"].get(label), f"no {label} in {one['metric']}"
    for url in re.findall(r"\$\{__data\.fields\.(\w+)\}", json.dumps(panel)):
        assert all(one["metric"].get(url) for one in found)


@pytest.mark.parametrize("name", ["dataset", "product", "event"])
def test_a_variable_of_a_dashboard_offers_the_planted_pair(
    name: str, watch: Monitoring, planted: dict[str, Any]
) -> None:
    (dashboard,) = [one for one in DASHBOARDS if one["uid"] == "ketavigil-signal"]
    (variable,) = [one for one in dashboard["templating"]["list"] if one["name"] == name]
    asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
    assert asked is not None
    labels = {"match[]": filled(asked[1])}
    assert VARIABLES[name] in watch.ask(f"label/{asked[2]}/values", **labels)


def test_prometheus_takes_the_exemplars_of_freshness_and_promtool_all_of_it(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    now = time.time()
    found = watch.ask(
        "query_exemplars",
        query="ketavigil_freshness_seconds_bucket",
        start=now - 600,
        end=now,
    )
    positions = {one["labels"]["position"] for series in found for one in series["exemplars"]}
    store = open_store(Settings.read(data=live.data).store)
    with store.read() as connection:
        known = set(connection.scalars(select(tables.changes.c.position)))
    store.close()
    assert positions
    assert {int(position) for position in positions} <= known
    for path in ("/metrics", "/metrics/parts"):
        answer = httpx.get(live.url + path, timeout=30)
        assert run("promtool", "check", "metrics", given=answer.content) == ""


def test_a_worker_that_hangs_is_told_by_the_canary(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    before = len(watch.receiver.alerts("operator-page", "CanaryLate", "firing"))
    os.kill(live.processes["worker"].pid, signal.SIGSTOP)
    try:
        eventually(
            lambda: watch.told("operator-page", "CanaryLate", after=before),
            "the operator to be told",
        )
    finally:
        os.kill(live.processes["worker"].pid, signal.SIGCONT)
    assert not watch.receiver.alerts("officer-page", "CanaryLate", "firing")
    for name in ("CanaryLate", "DetectorStopped"):
        eventually(partial(watch.quiet, name), f"{name} to be over")


def test_a_dead_worker_is_told_and_clears_nothing(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    before = {one["signal"] for one in watch.firing("SignalRaised")}
    times = len(watch.receiver.alerts("officer-page", "DetectorStopped", "firing"))
    live.kill("worker", signal.SIGKILL)
    for receiver in ("officer-page", "operator-page"):
        told = partial(watch.told, receiver, "DetectorStopped", after=times)
        eventually(told, f"{receiver} to be told")
    time.sleep(3)
    assert {one["signal"] for one in watch.firing("SignalRaised")} == before
    assert resolved(watch, "SignalRaised") == []


def test_with_everything_gone_what_stood_stands(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    before = {one["signal"] for one in watch.firing("SignalRaised")}
    over = len(resolved(watch, "DetectorStopped"))
    times = len(watch.receiver.alerts("officer-page", "KetavigilDown", "firing"))
    live.kill("web", signal.SIGKILL)
    told = partial(watch.told, "officer-page", "KetavigilDown", after=times)
    eventually(told, "the officer to be told")
    # longer than `keep_firing_for` holds
    longest = max(
        float(rule["keepFiringFor"])
        for group in watch.ask("rules")["groups"]
        for rule in group["rules"]
        if rule["name"] in ("SignalRaised", "DetectorStopped") and "keepFiringFor" in rule
    )
    time.sleep(longest + 3)
    assert not watch.query("ketavigil_signal_raised_timestamp_seconds")
    assert {one["signal"] for one in watch.firing("SignalRaised")} == before
    assert len(watch.firing("DetectorStopped")) == 1
    assert resolved(watch, "SignalRaised") == []
    assert len(resolved(watch, "DetectorStopped")) == over


def test_when_all_is_back_only_the_signals_stand(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    before = {one["signal"] for one in watch.firing("SignalRaised")}
    live.up()
    for name in ("KetavigilDown", "DetectorStopped", "CanaryLate"):
        eventually(partial(watch.quiet, name), f"{name} to be over")
    assert {one["signal"] for one in watch.firing("SignalRaised")} == before
    assert resolved(watch, "SignalRaised") == []


def test_after_all_that_nothing_is_lost_and_the_canary_has_left_no_trace(
    live: Deployment, watch: Monitoring, planted: dict[str, Any]
) -> None:
    verified = live.verify()
    assert sum(check["differences"] for check in verified["checks"]) == 0
    received = {
        check["name"]: check["figures"]["received"]
        for check in verified["checks"]
        if check["name"].startswith("conservation")
    }
    assert received == {
        "conservation of reports": BACKGROUND + PLANTED + 1 + 400,
        "conservation of followups": len(clinic()),
    }
    store = open_store(Settings.read(data=live.data).store)
    with store.read() as connection:
        senders = set(connection.scalars(select(tables.records.c.sender)))
        kinds = set(connection.scalars(select(tables.changes.c.kind)))
        totals = set(connection.scalars(select(tables.scores.c.n_total)))
    store.close()
    assert senders == {"clinic", "clinic-b", "registry-a"}
    assert kinds == {"case", "course", "checkpoint"}
    assert totals == {BACKGROUND + PLANTED + 400}


def resolved(watch: Monitoring, name: str) -> list[dict[str, Any]]:
    """What any receiver was told is over."""
    return [
        alert
        for receiver in ("officer-page", "officer-ticket", "operator-page", "operator-ticket")
        for alert in watch.receiver.alerts(receiver, name, "resolved")
    ]
