"""The alerts: promtool's own tests of their rules, and a runbook text for each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring import PROMETHEUS, ROOT, run, tool

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
CASES = Path(__file__).parent / "prometheus/alerts_test.yml"
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
WANTED = {
    "SignalRaised",
    "EvidenceRisingFast",
    "DetectorStopped",
    "FreshnessOverTarget",
    "LagGrowing",
    "ConservationBroken",
    "QuarantineRate",
    "RegistrySilent",
    "QualitySuiteFailing",
    "CanaryLate",
    "StoreOrBrokerAway",
    "KetavigilDown",
    "SignalsNotListed",
    "KeyExpires",
}
# what an alert may name: no sender's id of a record, no patient, no narrative
LABELS = {
    "signal",
    "dataset",
    "product",
    "event",
    "kind",
    "statistic",
    "stream",
    "topic",
    "part",
    "registry",
}


def test_every_alert_is_there() -> None:
    assert set(NAMES) == WANTED


def test_prometheus_loads_the_rules_and_its_configuration() -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", PROMETHEUS / "alerts.yml")
    assert "SUCCESS" in run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


def test_each_rule_fires_where_it_should_and_only_there() -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", CASES)


def test_every_alert_is_tested_firing_and_not_firing() -> None:
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    told = [one for case in cases for one in case.get("alert_rule_test", ())]
    firing = {one["alertname"] for one in told if one.get("exp_alerts")}
    assert firing == WANTED
    silent = {one["alertname"] for one in told if not one.get("exp_alerts")}
    expressions = [one for case in cases for one in case.get("promql_expr_test", ())]
    for one in expressions:
        if one["exp_samples"] == []:
            silent |= set(re.findall(r"[A-Z]\w+[a-z]\w+", one["expr"])) & WANTED
    assert silent == WANTED


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']}")
def test_an_alert_says_how_urgent_it_is_whom_it_asks_and_where_to_read_on(
    rule: dict[str, Any],
) -> None:
    assert set(rule["labels"]) == {"severity", "audience"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["labels"]["audience"] in ("officer", "operator", "both")
    said = rule["annotations"]
    assert set(said) - {"description"} == {"summary", "board", "runbook"}
    assert said["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert said["board"].startswith("{{ $externalLabels.board }}/")


def test_an_alert_names_no_patient() -> None:
    for rule in ALERTS:
        text = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= LABELS
        assert "$labels }}" not in text


def test_the_runbook_has_one_heading_for_each_alert_and_no_other() -> None:
    headings = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)
    assert sorted(headings) == NAMES
    for section in re.split(r"^## .+$", RUNBOOK, flags=re.MULTILINE)[1:]:
        assert re.match(r"\s*\*(page|ticket)\*", section)
        assert len(section.split()) > 30


@pytest.mark.parametrize("name", NAMES)
def test_the_runbook_tells_the_urgency_that_the_rule_has(name: str) -> None:
    section = RUNBOOK.split(f"## {name}\n")[1].split("\n## ")[0].strip()
    head = section.split("\n\n")[0]
    rules = [rule["labels"] for rule in ALERTS if rule["alert"] == name]
    for labels in rules:
        assert f"*{labels['severity']}*" in head
    for person in ("officer", "operator"):
        asked = any(labels["audience"] in (person, "both") for labels in rules)
        assert (person in head) == asked


def test_what_stood_last_holds_on_by_the_rules_that_say_so() -> None:
    latched = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
    for name in ("ketavigil:signal_new:latched", "ketavigil:detector_stopped:latched"):
        # itself, unless a scrape succeeds
        assert f'{name} unless on () max(up{{job="ketavigil"}}) == 1' in latched[name]
    for rule in ALERTS:
        if rule["alert"] in ("SignalRaised", "DetectorStopped", "EvidenceRisingFast"):
            assert "keep_firing_for" in rule


def test_without_the_tools_the_tests_say_so_or_fail_where_all_is_required(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KETAVIGIL_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="promtool is not installed"):
        tool("promtool")
    monkeypatch.setenv("KETAVIGIL_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="promtool is not installed"):
        tool("promtool")
