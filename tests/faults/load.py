"""Senders that push without end, and send again what was not confirmed."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import httpx

from tests.deployment import Deployment, report

BATCH, PAUSE = 10, 0.4  # records; seconds between batches
Key = tuple[str, str, int]  # stream, id, version


class Sender(threading.Thread):
    """A registry: reports with late versions and nullifications, or courses with corrections."""

    def __init__(self, deployment: Deployment, name: str, stream: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.deployment, self.sender, self.stream = deployment, name, stream
        self.key = deployment.key(name)
        self._chance = random.Random(f"{seed}/{name}/{stream}")
        self._number = 0
        self.confirmed: set[Key] = set()
        self.records = 0  # confirmed, repeats included
        self.unexpected: list[str] = []
        self._ended, self._resting, self._at_rest = (threading.Event() for _ in range(3))

    def run(self) -> None:
        """Push until `end`."""
        while not self._ended.is_set():
            batch = [self._one() for _ in range(BATCH)]
            while not self._pushed(batch) and not self._ended.is_set():
                time.sleep(0.05)
            if self._resting.is_set():
                self._at_rest.set()
                while self._resting.is_set() and not self._ended.is_set():
                    time.sleep(0.02)
            time.sleep(PAUSE)

    def rest(self) -> None:
        """Push no more once the batch that is on its way is confirmed."""
        self._at_rest.clear()
        self._resting.set()

    def rests(self) -> bool:
        """Whether it does."""
        return self._at_rest.is_set()

    def go_on(self) -> None:
        """Push again."""
        self._resting.clear()

    def end(self) -> None:
        """Push never again."""
        self._ended.set()
        self.join(60)

    def _pushed(self, batch: list[dict[str, Any]]) -> bool:
        try:
            answer = self.deployment.push(self.key, batch, stream=self.stream)
        except httpx.TransportError:
            return False
        if answer.status_code == 202:
            name = "report_id" if self.stream == "reports" else "record_id"
            self.confirmed.update((self.stream, one[name], one["version"]) for one in batch)
            self.records += len(batch)
            return True
        if answer.status_code not in (429, 500, 502, 503, 504):
            self.unexpected.append(answer.text)
            self._ended.set()
        return False

    def _one(self) -> dict[str, Any]:
        """One in five is a further version of an earlier record, one in twenty nullifies it."""
        again = self._number and self._chance.random() < 0.2
        which = self._chance.randrange(self._number) if again else self._number
        self._number += not again
        version = self._chance.randrange(2, 5) if again else 1
        status = "nullified" if self._chance.random() < 0.05 else "active"
        if self.stream == "reports":
            term = f"Term {which % 40} {version}"
            product = "Spravato" if which % 3 else "Ketalar"
            return report(
                self.sender,
                f"R-{which}",
                version=version,
                status=status,
                products=[{"name": product, "role": "suspect"}],
                reactions=[{"term": "Dissociation" if which % 7 == 0 else term}],
            )
        day, patient = which // 20 % 300, which % 20
        if version == 4:
            patient = (patient + 1) % 20  # a correction that moves a record to another patient
        return {
            "registry": self.sender,
            "record_id": f"F-{which}",
            "version": version,
            "status": status,
            "patient": f"p-{patient}",
            "course": "c",
            "at": f"2025-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}",
            "kind": "urinary",
            "instrument": "OABSS",
            "score": (which + version) % 16,
        }
