"""Prometheus and Alertmanager of the system's packages, for tests: tools and servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.deployment import eventually, free_port

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "dashboards/prometheus"
ALERTMANAGER = ROOT / "dashboards/alertmanager"


def tool(name: str) -> str:
    """The path of a program; skips where it is missing, or fails if all is required."""
    found = shutil.which(name)
    if found is None:
        lacking = f"{name} is not installed (Debian: prometheus, prometheus-alertmanager)"
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found


def run(name: str, *arguments: str | Path, given: bytes = b"") -> str:
    """What a program prints; fails with it where the program does."""
    done = subprocess.run(
        (tool(name), *map(str, arguments)),
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, said + done.stderr.decode()
    return said


class Receiver(ThreadingHTTPServer):
    """A webhook that keeps what it is sent: the last part of the path, and the body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keeping)
        self.got: list[tuple[str, Any]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def alerts(self, receiver: str, name: str, status: str) -> list[dict[str, Any]]:
        """Alerts of a name and a status that a receiver was told of."""
        return [
            alert
            for to, body in self.got
            if to == receiver
            for alert in body.get("alerts", ())
            if alert["labels"]["alertname"] == name and alert["status"] == status
        ]


class _Keeping(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        name = self.path.rsplit("/", 1)[-1]
        self.server.got.append((name, json.loads(self.rfile.read(length))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - of the base
        """Nothing."""


def faster(config: Any, factor: int) -> Any:
    """A configuration with its times divided, one second at the least, and nothing else changed."""

    def seconds(text: str) -> float:
        parts = re.findall(r"(\d+)([smhd])", text)
        return sum(int(n) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for n, unit in parts)

    if isinstance(config, list):
        return [faster(one, factor) for one in config]
    if not isinstance(config, dict):
        return config
    # a group that waited could be silenced meanwhile by what comes of the same cause
    return {
        key: f"{max(int(key != 'group_wait'), round(seconds(value) / factor))}s"
        if key in TIMES
        else faster(value, factor)
        for key, value in config.items()
    }


TIMES = {
    "scrape_interval",
    "evaluation_interval",
    "interval",
    "for",
    "keep_firing_for",
    "group_wait",
    "group_interval",
}


class Monitoring:
    """Prometheus and Alertmanager with the shipped configuration, faster, and told to a webhook."""

    def __init__(self, folder: Path, web: str, factor: int = 60) -> None:
        self._folder = folder
        self.receiver = Receiver()
        self._ports = {name: free_port() for name in ("prometheus", "prometheus-alertmanager")}
        self._processes: list[subprocess.Popen[bytes]] = []
        alertmanager = f"127.0.0.1:{self._ports['prometheus-alertmanager']}"
        addresses = {"web:8080": web.removeprefix("http://"), "alertmanager:9093": alertmanager}
        config = faster(_load(PROMETHEUS / "prometheus.yml"), factor)
        for part in (*config["scrape_configs"], *config["alerting"]["alertmanagers"]):
            for static in part.get("static_configs", ()):  # workers are found by DNS
                static["targets"] = [addresses[target] for target in static["targets"]]
        self._write("prometheus.yml", config)
        self._write("alerts.yml", faster(_load(PROMETHEUS / "alerts.yml"), factor))
        self._write("alertmanager.yml", with_receivers(self.receiver.url))
        shutil.copytree(ALERTMANAGER / "templates", folder / "templates")

    def __enter__(self) -> Monitoring:
        self._start(
            "prometheus-alertmanager",
            f"--config.file={self._folder}/alertmanager.yml",
            f"--storage.path={self._folder}/alertmanager",
            "--cluster.listen-address=",
        )
        self._start(
            "prometheus",
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/prometheus",
            "--enable-feature=exemplar-storage",
        )
        try:
            for name in self._ports:
                eventually(partial(self._ready, name), f"{name} to be ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(timeout=30)
        self.receiver.shutdown()
        self.receiver.server_close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers now: `metric` and `value` of each series."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def ask(self, what: str, **parameters: str | float) -> Any:
        """The data of an answer of Prometheus's HTTP interface."""
        url = f"http://127.0.0.1:{self._ports['prometheus']}/api/v1/{what}"
        answer = httpx.get(url, params=parameters, timeout=30, trust_env=False).json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    def firing(self, name: str) -> list[dict[str, str]]:
        """The labels of the alerts of a name that fire now."""
        found = self.query(f'ALERTS{{alertname="{name}",alertstate="firing"}}')
        return [one["metric"] for one in found]

    def quiet(self, name: str) -> bool:
        """Whether no alert of a name fires now."""
        return not self.firing(name)

    def told(self, receiver: str, name: str, status: str = "firing", after: int = 0) -> bool:
        """Whether a receiver was told more than so many times."""
        return len(self.receiver.alerts(receiver, name, status)) > after

    def _start(self, name: str, *arguments: str) -> None:
        listen = f"--web.listen-address=127.0.0.1:{self._ports[name]}"
        with (self._folder / f"{name}.out").open("w") as out:
            self._processes.append(
                subprocess.Popen((tool(name), listen, *arguments), stdout=out, stderr=out)
            )

    def _ready(self, name: str) -> bool:
        said = (self._folder / f"{name}.out").read_text()
        assert all(process.poll() is None for process in self._processes), said[-2000:]
        try:
            url = f"http://127.0.0.1:{self._ports[name]}/-/ready"
            return httpx.get(url, timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _write(self, name: str, config: Any) -> None:
        (self._folder / name).write_text(yaml.safe_dump(config), encoding="utf-8")


def with_receivers(url: str, factor: int = 3600) -> Any:
    """The shipped Alertmanager configuration, every receiver a webhook, one a chat as well.

    The chat is that of receivers.example.yml with another address.
    """
    config = faster(_load(ALERTMANAGER / "alertmanager.yml"), factor)
    (chat,) = [
        one["slack_configs"][0]
        for one in _load(ALERTMANAGER / "receivers.example.yml")["receivers"]
        if "slack_configs" in one
    ]
    for receiver in config["receivers"]:
        hook = {"url": f"{url}/{receiver['name']}", "send_resolved": True}
        receiver["webhook_configs"] = [hook]
        if receiver["name"] == "officer-page":
            ours = {key: value for key, value in chat.items() if key != "api_url_file"}
            receiver["slack_configs"] = [ours | {"api_url": f"{url}/chat"}]
    return config


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
