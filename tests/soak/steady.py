"""Registries that push at a steady rate, new versions of a bounded number of cases for the most."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

import httpx

from tests.deployment import Deployment, report

BATCH = 10
CASES = 2_000  # of one sender; once all are there, what comes is versions of them


class Steady(threading.Thread):
    """One stream of a registry, `rate` records a second by the clock."""

    def __init__(self, deployment: Deployment, stream: str, rate: float, seed: int) -> None:
        super().__init__(daemon=True)
        self._stream, self._every = stream, BATCH / rate
        self._url = f"{deployment.url}/v1/{stream}"
        self._sender = f"soak-{stream}"
        self._key = deployment.key(self._sender)
        self._chance = random.Random(f"{seed}/{stream}")
        self._versions = Counter[int]()
        self._ended = threading.Event()
        self.confirmed = 0
        self.refused = Counter[str]()

    def run(self) -> None:
        """Push until `end`; a batch that is not confirmed is counted and sent again."""
        due = time.monotonic()
        with httpx.Client(
            headers={"Authorization": f"Bearer {self._key}"}, timeout=30, trust_env=False
        ) as client:
            batch: list[dict[str, Any]] = []
            while not self._ended.wait(max(0.0, due - time.monotonic())):
                batch = batch or [self._one() for _ in range(BATCH)]
                if self._pushed(client, batch):
                    batch = []
                due += self._every

    def _pushed(self, client: httpx.Client, batch: list[dict[str, Any]]) -> bool:
        try:
            answer = client.post(self._url, json=batch)
        except httpx.TransportError as error:
            self.refused[type(error).__name__] += 1
            return False
        if answer.status_code != 202:
            self.refused[str(answer.status_code)] += 1
            return False
        self.confirmed += len(batch)
        return True

    def end(self) -> None:
        """Push never again."""
        self._ended.set()
        self.join(60)

    def _one(self) -> dict[str, Any]:
        which = self._chance.randrange(CASES)
        self._versions[which] += 1
        version = self._versions[which]
        if self._stream == "reports":
            return report(
                self._sender,
                f"R-{which}",
                version=version,
                products=[{"name": "Spravato" if which % 3 else "Ketalar", "role": "suspect"}],
                reactions=[{"term": "Dissociation" if which % 7 == 0 else f"Term {which % 40}"}],
            )
        day = which // 20 % 300
        return {
            "registry": self._sender,
            "record_id": f"F-{which}",
            "version": version,
            "patient": f"p-{which % 100}",
            "course": "c",
            "at": f"2025-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}",
            "kind": "urinary",
            "instrument": "OABSS",
            "score": (which + version) % 16,
        }
