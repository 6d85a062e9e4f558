"""Pushing over HTTP, as a clinic's own program would: keys, lists, patience."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random

import httpx

from schemas.errors import InputError
from schemas.record import Stream
from streams.simulate.clinic import Clinic
from streams.simulate.facts import planted, profiles
from streams.simulate.registry import Registry
from streams.simulate.truth import Told, Truth

CLINICS = ("clinic-north", "clinic-south", "clinic-east", "clinic-west")
# how the patients of each are treated
REGISTRIES: dict[str, dict[str, float]] = {
    "registry-esketamine": {"esketamine": 1.0},
    "registry-ketamine": {
        "infusion": 0.4,
        "sublingual": 0.2,
        "oral": 0.1,
        "compounded nasal": 0.3,
    },
    "registry-antidepressants": {"comparator": 1.0},
}

_LIST = 200  # records in one request of the history
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
_TIMEOUT = 30.0


class Pusher:
    """One sender's connection to the gateway."""

    def __init__(self, client: httpx.AsyncClient, key: str, answers: Counter[str]) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {key}"}
        self._answers = answers

    async def push(self, stream: Stream, records: Sequence[bytes]) -> None:
        """Send records until the gateway confirms them; a repeat does no harm.

        One record goes as JSON, several as NDJSON. Raises `InputError` ("key_refused").
        """
        if not records:
            return
        kind = "application/json" if len(records) == 1 else "application/x-ndjson"
        headers = self._headers | {"content-type": kind}
        body = b"\n".join(records)
        for tries in range(10**9):
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            try:
                answer = await self._client.post(f"/v1/{stream}", content=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(pause)
                continue
            if answer.status_code in (202, 422):
                for record in answer.json()["records"]:
                    self._answers[record["status"]] += 1
                return
            if answer.status_code in (401, 403):
                raise InputError(
                    "key_refused", "the gateway does not take a simulated clinic's key"
                )
            if answer.status_code == 429:
                pause = float(answer.headers.get("retry-after", pause))
            elif answer.status_code < 500:
                raise InputError(
                    "not_taken", f"the gateway answered {answer.status_code} to a simulated clinic"
                )
            await asyncio.sleep(pause)


class Simulation:
    """Four clinics and three registries.

    `history`: reports that each clinic sends as fast as it can at first. `rate`: about so many
    reports a second come of all senders together afterwards; a registry goes through a twentieth
    as many days of its courses a second.
    """

    def __init__(self, seed: int, *, history: int = 1000, rate: float = 14.0) -> None:
        self.seed = seed
        self.clinics = [Clinic(name, seed, history=history) for name in CLINICS]
        self.registries = [Registry(name, arms, seed) for name, arms in REGISTRIES.items()]
        self.answers: Counter[str] = Counter()
        self._history = history
        self._rate = rate
        self._started_at = datetime.now(UTC)
        self._in_history = len(self.clinics)
        self._history_sent = asyncio.Event()

    @property
    def senders(self) -> tuple[str, ...]:
        """Whose keys are needed."""
        return (*CLINICS, *REGISTRIES)

    async def run(
        self, url: str, keys: dict[str, str], tell: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Push until `stop`; `tell` is called about once a second, and at the end."""
        # loopback only, so no proxy of the environment
        async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, trust_env=False) as client:
            work = [
                *(
                    self._clinic(c, Pusher(client, keys[c.name], self.answers))
                    for c in self.clinics
                ),
                *(
                    self._registry(r, Pusher(client, keys[r.name], self.answers))
                    for r in self.registries
                ),
            ]
            tasks = [asyncio.ensure_future(one) for one in work]
            stopped = asyncio.ensure_future(stop.wait())
            try:
                while not stop.is_set():
                    done, _ = await asyncio.wait(
                        [*tasks, stopped], timeout=1.0, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in done:
                        task.result()
                    tell()
            finally:
                for task in (*tasks, stopped):
                    task.cancel()
                await asyncio.gather(*tasks, stopped, return_exceptions=True)
                tell()

    def truth(self) -> Truth:
        """What was planted and sent up to now."""
        return Truth(
            seed=self.seed,
            started_at=self._started_at,
            planted=tuple(
                Told(
                    one.name,
                    one.event,
                    one.pairs,
                    one.absent,
                    one.expect,
                    one.ratio,
                    one.why,
                    min(
                        (c.started[one.name] for c in self.clinics if one.name in c.started),
                        default=None,
                    ),
                )
                for one in planted()
            ),
            known=tuple(sorted({(p.product, event) for p in profiles() for event in p.percent})),
            sent={c.name: dict(c.sent) for c in self.clinics}
            | {r.name: dict(r.sent) for r in self.registries},
            answers=dict(self.answers),
            harms=tuple(harm for registry in self.registries for harm in registry.harms),
        )

    async def _clinic(self, clinic: Clinic, pusher: Pusher) -> None:
        records: list[bytes] = []
        while clinic.reports < self._history:
            records += clinic.next(datetime.now(UTC))
            if len(records) >= _LIST:
                await pusher.push("reports", records)
                records = []
        self._in_history -= 1
        if not self._in_history:
            self._history_sent.set()
        rng = Random(f"{clinic.name}/{self.seed}/pace")
        each = self._rate * 0.85 / len(self.clinics)
        while True:
            records += clinic.next(datetime.now(UTC))
            await pusher.push("reports", records)
            records = []
            await asyncio.sleep(rng.expovariate(each))

    async def _registry(self, registry: Registry, pusher: Pusher) -> None:
        # courses are many records; the first signals come from reports
        await self._history_sent.wait()
        rng = Random(f"{registry.name}/{self.seed}/pace")
        each = self._rate / 20
        while True:
            reports, records = registry.next(datetime.now(UTC))
            await pusher.push("followups", records)
            await pusher.push("reports", reports)
            await asyncio.sleep(rng.expovariate(each))
