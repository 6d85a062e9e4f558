"""Alertmanager: who is told what, what is silenced by what, and what the texts say."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboards.test_alerts import NAMES
from tests.monitoring import ALERTMANAGER, PROMETHEUS, faster, run, tool, with_receivers

CONFIG = ALERTMANAGER / "alertmanager.yml"
SHIPPED: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
EXAMPLE: dict[str, Any] = yaml.safe_load(
    (ALERTMANAGER / "receivers.example.yml").read_text(encoding="utf-8")
)
EVERY = {f"{who}-{how}" for who in ("officer", "operator") for how in ("page", "ticket")}
TEXT = '{{ template "ketavigil.subject" . }}\n{{ template "ketavigil.text" . }}'


def test_alertmanager_loads_it(tmp_path: Path) -> None:
    assert "SUCCESS" in run("amtool", "check-config", CONFIG)


def test_alertmanager_loads_the_receivers_that_are_shown(tmp_path: Path) -> None:
    given = {one["name"]: one for one in EXAMPLE["receivers"]}
    assert set(given) < EVERY
    merged = SHIPPED | {"receivers": [given.get(r["name"], r) for r in SHIPPED["receivers"]]}
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(merged | {"templates": []}), encoding="utf-8")
    assert "4 receivers" in run("amtool", "check-config", path)


def test_no_address_or_password_is_shipped() -> None:
    assert [set(receiver) for receiver in SHIPPED["receivers"]] == [{"name"}] * 4
    assert {receiver["name"] for receiver in SHIPPED["receivers"]} == EVERY


@pytest.mark.parametrize(
    ("audience", "severity", "told"),
    [
        ("officer", "page", "officer-page"),
        ("officer", "ticket", "officer-ticket"),
        ("operator", "page", "operator-page"),
        ("operator", "ticket", "operator-ticket"),
        ("both", "page", "officer-page,operator-page"),
        ("both", "ticket", "officer-ticket,operator-ticket"),
        ("nobody we know", "page", "operator-ticket"),
    ],
)
def test_an_alert_reaches_whom_it_asks(audience: str, severity: str, told: str) -> None:
    labels = (f"audience={audience}", f"severity={severity}", "alertname=Any")
    said = run("amtool", "config", "routes", "test", "--config.file", CONFIG, *labels)
    assert said.splitlines()[0] == told


def test_a_cause_silences_what_follows_and_never_a_signal() -> None:
    for rule in SHIPPED["inhibit_rules"]:
        (source,), (target,) = rule["source_matchers"], rule["target_matchers"]
        silenced = target.removeprefix('alertname=~"').removesuffix('"').split("|")
        assert set(silenced) <= set(NAMES)
        assert source.removeprefix('alertname="').removesuffix('"') in NAMES
        assert not set(silenced) & {"SignalRaised", "EvidenceRisingFast", "ConservationBroken"}


def test_no_officer_is_told_that_something_is_over() -> None:
    """A Prometheus that dies would have Alertmanager say so of everything."""
    for receiver in EXAMPLE["receivers"]:
        for kind in ("slack_configs", "email_configs", "webhook_configs"):
            for one in receiver.get(kind, ()):
                assert one["send_resolved"] is receiver["name"].startswith("operator")


def data(summaries: list[str], status: str = "firing", **labels: str) -> dict[str, Any]:
    """What Alertmanager gives to a template."""
    common = {"alertname": "SignalRaised", "severity": "page"} | labels
    return {
        "receiver": "officer-page",
        "status": status,
        "groupLabels": {"alertname": common["alertname"]},
        "commonLabels": common,
        "commonAnnotations": {"runbook": "docs/runbook.md#signalraised"},
        "alerts": [
            {
                "status": status,
                "labels": common,
                "annotations": {
                    "summary": summary,
                    "description": "It waits for a person.",
                    "board": f"http://board/signals/{number}",
                    "runbook": "docs/runbook.md#signalraised",
                },
                "startsAt": "2026-03-04T05:06:07+01:00",
            }
            for number, summary in enumerate(summaries, 1)
        ],
    }


def rendered(tmp_path: Path, given: dict[str, Any]) -> str:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(given), encoding="utf-8")
    return run(
        "amtool",
        "template",
        "render",
        f"--template.glob={ALERTMANAGER}/templates/*.tmpl",
        f"--template.text={TEXT}",
        f"--template.data={path}",
    )


def test_a_text_says_what_where_since_when_and_what_to_do(tmp_path: Path) -> None:
    assert rendered(tmp_path, data(["Signal 1: a.", "Signal 2: b."])).rstrip() == (
        "[ketavigil, now] SignalRaised (2)\n"
        "Signal 1: a.\n"
        "It waits for a person.\n"
        "http://board/signals/1\n"
        "since 2026-03-04 04:06 UTC\n"
        "Signal 2: b.\n"
        "http://board/signals/2\n"
        "since 2026-03-04 04:06 UTC\n"
        "What to do: docs/runbook.md#signalraised"
    )


def test_a_text_says_what_is_over(tmp_path: Path) -> None:
    given = data(["Signal 1: a."], status="resolved", severity="ticket")
    assert rendered(tmp_path, given).rstrip() == (
        "[ketavigil, over] SignalRaised\n"
        "over: Signal 1: a.\n"
        "What to do: docs/runbook.md#signalraised"
    )


def test_a_flood_is_cut_and_says_so(tmp_path: Path) -> None:
    text = rendered(tmp_path, data([f"Signal {i}." for i in range(200)]))
    assert text.count("since ") == 20
    assert "These are 20 of 200; the board has all." in text
    assert text.startswith("[ketavigil, now] SignalRaised (200)")


def test_a_text_holds_no_label_that_the_alert_does_not_say(tmp_path: Path) -> None:
    given = data(["Signal 1: a."], patient="p-17", narrative="she told us", event="John Smith")
    text = rendered(tmp_path, given)
    for secret in ("p-17", "she told us", "John Smith", "narrative"):
        assert secret not in text


def test_the_tests_run_the_shipped_files_with_shorter_times_and_nothing_else() -> None:
    tool("prometheus")
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
    for shipped, quick in zip(
        itertools.chain.from_iterable(group["rules"] for group in rules["groups"]),
        itertools.chain.from_iterable(group["rules"] for group in faster(rules, 20)["groups"]),
        strict=True,
    ):
        times = {"for", "keep_firing_for"}
        assert {k: v for k, v in shipped.items() if k not in times} == {
            k: v for k, v in quick.items() if k not in times
        }
        assert set(shipped) == set(quick)
    quick = with_receivers("http://127.0.0.1:1")
    assert quick["inhibit_rules"] == SHIPPED["inhibit_rules"]
    assert [route["matchers"] for route in quick["route"]["routes"]] == [
        route["matchers"] for route in SHIPPED["route"]["routes"]
    ]
