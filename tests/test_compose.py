"""docker-compose.yml: health checks, no password in it, pinned images, nothing open."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXPECTED = {"kafka", "postgres", "web", "worker", "prometheus", "alertmanager", "grafana"}


def test_every_part_of_the_design_is_there() -> None:
    assert set(SERVICES) == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_service_checks_its_health_restarts_and_is_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_image_is_pinned_to_a_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert image
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[a-z]+)?", tag)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_port_is_open_to_this_machine_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")
    if name in ("kafka", "postgres", "worker"):
        assert "ports" not in SERVICES[name]
        assert SERVICES[name]["networks"] == ["inside"]


def test_no_password_stands_in_any_file_and_each_comes_from_a_secret() -> None:
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY", variable):
                assert variable.endswith("FILE")
                assert value.startswith("/run/secrets/")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    store = SERVICES["web"]["environment"]["KETAVIGIL_STORE"]
    assert store == "postgresql+psycopg://ketavigil@postgres:5432/ketavigil"
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}


def test_the_documented_command_makes_the_secrets_once(tmp_path: Path) -> None:
    dev = tmp_path / "dev"
    dev.write_bytes((ROOT / "dev").read_bytes())

    def make() -> dict[str, str]:
        subprocess.run([sys.executable, str(dev), "secrets"], check=True, capture_output=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    made = make()
    assert set(made) == set(COMPOSE["secrets"])
    assert len(set(made.values())) == len(made)
    assert all(len(value) == 44 for value in made.values())
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert make() == made


def test_secrets_are_not_committed_and_not_built_in() -> None:
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert not [line for line in ignored if "secret" in line]


def test_what_is_mounted_and_built_from_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (
                (ROOT / source).exists()
                if source.startswith("./")
                else source in COMPOSE["volumes"]
            )
    copied = re.findall(
        r"^COPY (?:--\S+ )?(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    for source in " ".join(copied).split():
        assert (ROOT / source).exists()
        assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_alerts_and_panels_ask_for_metrics_of_the_contract() -> None:
    contract = {
        "ketavigil_records_received",
        "ketavigil_records",
        "ketavigil_refusals_total",
        "ketavigil_freshness_seconds_bucket",
        "ketavigil_freshness_seconds_count",
        "ketavigil_part_reachable",
        "ketavigil_quality_batches_total",
        "ketavigil_lag_records",
        "ketavigil_signals",
        "ketavigil_signal_raised_timestamp_seconds",
        "ketavigil_score",
        "ketavigil_detector_last_run_timestamp_seconds",
        "ketavigil_canary_age_seconds",
        "ketavigil_canary_seconds",
        "ketavigil_canary_interval_seconds",
        "ketavigil_registry_last_record_timestamp_seconds",
        "ketavigil_registry_silent_after_seconds",
        "ketavigil_key_expires_timestamp_seconds",
    }
    alerts = yaml.safe_load((ROOT / "dashboards/prometheus/alerts.yml").read_text())
    asked = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    for path in (ROOT / "dashboards/grafana/dashboards").iterdir():
        panels = json.loads(path.read_text())["panels"]
        asked += [target["expr"] for panel in panels for target in panel["targets"]]
    names = (re.findall(r"\bketavigil_\w+", expression) for expression in asked)
    named = {name for found in names for name in found}
    assert named == contract
