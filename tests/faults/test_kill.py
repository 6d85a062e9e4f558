"""kill -9 of worker and web at random moments: nothing is lost and nothing is doubled."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deployment import Deployment, eventually, report

SEED = 20261123
KILLS = 30
BATCH = 50


class Pusher(threading.Thread):
    """A registry that pushes batches, and sends again what was not confirmed."""

    stream, named, pause = "reports", "report_id", 0.02

    def __init__(self, deployment: Deployment, name: str, key: str) -> None:
        super().__init__(daemon=True)
        self.deployment, self.sender, self.key = deployment, name, key
        self.random = random.Random(f"{SEED}{name}")
        self.confirmed: set[tuple[str, int]] = set()
        self.enough = threading.Event()
        self.unexpected: list[str] = []

    def run(self) -> None:
        number = 0
        while not self.enough.is_set():
            batch = []
            for _ in range(BATCH):
                # one in five is a further version, one in twenty a nullification
                again = number and self.random.random() < 0.2
                which = self.random.randrange(number) if again else number
                number += not again
                version = self.random.randrange(2, 5) if again else 1
                status = "nullified" if self.random.random() < 0.05 else "active"
                batch.append(self.record(which, version, status))
            while not self.enough.is_set():
                try:
                    answer = self.deployment.push(self.key, batch, stream=self.stream)
                except httpx.TransportError:
                    time.sleep(0.05)
                    continue
                if answer.status_code == 202:
                    self.confirmed.update((r[self.named], r["version"]) for r in batch)
                    break
                if answer.status_code not in (429, 503):
                    self.unexpected.append(answer.text)
                    return
                time.sleep(0.05)
            time.sleep(self.pause)

    def record(self, which: int, version: int, status: str) -> dict[str, Any]:
        term = f"Term {which % 40} {version} {status}"
        return report(
            self.sender,
            f"R-{which}",
            version=version,
            status=status,
            reactions=[{"term": term}],
        )


class Follower(Pusher):
    """The same with follow-up records: a correction changes score and day, at times the patient."""

    # slower than reports: each of these records comes out of order and replays its course
    stream, named, pause = "followups", "record_id", 0.25

    def record(self, which: int, version: int, status: str) -> dict[str, Any]:
        day = self.random.randrange(1, 29)
        patient = which // 20 + (version == 4)
        return {
            "registry": self.sender,
            "record_id": f"F-{which}",
            "version": version,
            "status": status,
            "patient": f"p-{patient}",
            "course": "1",
            "at": f"2025-{which % 12 + 1:02}-{day:02}",
            "kind": "urinary",
            "instrument": "OABSS",
            "score": self.random.choice([2, 7, 13]),
        }


def rows(data: Path, query: str) -> list[tuple[object, ...]]:
    """What the store's file says, read past the program."""
    with sqlite3.connect(f"file:{data}/store.db?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.faults
def test_nothing_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    file = tmp_path / "history.ndjson"
    with file.open("w") as lines:
        for i in range(20_000):
            lines.write(
                json.dumps(report("archive", f"H-{i}", reactions=[{"term": f"Old {i % 60}"}]))
            )
            lines.write("\n")
    with Deployment(tmp_path / "data") as deployment:
        deployment.up()
        pushers = [
            kind(deployment, name, deployment.key(name))
            for kind, name in (
                (Pusher, "clinic-a"),
                (Pusher, "registry-b"),
                (Follower, "registry-c"),
            )
        ]
        for pusher in pushers:
            pusher.start()
        importing = subprocess.Popen(
            deployment.command("import", str(file)),
            env=deployment.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        killed = {"web": 0, "worker": 0}
        for _ in range(KILLS):
            name = chance.choice(["web", "worker"])
            # half of the time while it works, else at any moment, while it starts too
            if chance.random() < 0.5:
                deployment.ready(name)
            time.sleep(chance.random() * (0.4 if name == "web" else 2.0))
            deployment.kill(name)
            deployment.start(name)
            killed[name] += 1
        for name in ("web", "worker"):
            deployment.ready(name)
        for pusher in pushers:
            pusher.enough.set()
            pusher.join(timeout=60)
            assert not pusher.is_alive()
            assert pusher.unexpected == []
            assert pusher.confirmed
        said = importing.communicate(timeout=300)[0].decode()
        assert importing.returncode == 0, said
        found = deployment.verify()
        eventually(lambda: not rows(deployment.data, "SELECT 1 FROM outbox"), "an empty outbox")

    assert min(killed.values()) >= 5
    assert [check for check in found["checks"] if check["differences"]] == []
    courses = next(c for c in found["checks"] if c["name"].startswith("courses"))
    assert courses["figures"]["courses"] >= 20
    assert courses["figures"]["findings"] > 0
    stored = {
        (sender, report_id, version)
        for sender, report_id, version in rows(
            deployment.data,
            "SELECT c.sender, c.report_id, v.version FROM versions v "
            "JOIN cases c ON c.id = v.case_id",
        )
    }
    for pusher in pushers:
        assert {(pusher.sender, *one) for one in pusher.confirmed} <= stored
    assert {("archive", f"H-{i}", None) for i in range(20_000)} <= stored
    doubled = rows(
        deployment.data,
        "SELECT case_id, version, sort_key, content_hash FROM versions "
        "GROUP BY 1, 2, 3, 4 HAVING count(*) > 1",
    )
    assert doubled == []
