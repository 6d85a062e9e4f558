"""What mutated inputs are given to, and the laws that each answer has to keep."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import httpx
import msgspec
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from schemas.envelope import Entry, decode_envelope
from schemas.errors import InputError, RecordError
from schemas.formats import FORMATS, SourceRecord, read
from schemas.record import Stream, check, checked
from streams.gateway.gateway import Gateway
from streams.gateway.keys import create_key
from streams.gateway.limits import Limits
from streams.log import open_log
from streams.master_key import load_sealer
from streams.settings import Settings
from streams.store.store import open_store
from tests.fuzz.mutation import mutated, mutated_zip
from tests.schemas.formats.samples import MAPPING, sample
from tests.streams.gateway.serving import SENDER, dose, report

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MOST_RECORDS = 20_000  # of one input: more than any of them can hold


class Broken(Exception):
    """An input has broken a law."""


class Target(Protocol):
    """Something that takes inputs."""

    name: str

    def make(self, chance: random.Random) -> bytes:
        """The next input."""

    def give(self, content: bytes) -> str:
        """What became of it, in a word; raises `Broken`, or whatever a crash raises."""


class Reader:
    """A reader of files, with what an import does with its records."""

    def __init__(self, form: str, folder: Path) -> None:
        self.name = form
        made = sample(folder, form)
        self._path = folder / f"mutated{made.suffix}"
        self.seeds = [made.read_bytes()]
        self._mapping = None
        if form == "mapped_csv":
            self._mapping = folder / "mapping.toml"
            self._mapping.write_text(MAPPING)

    def make(self, chance: random.Random) -> bytes:
        if self.name == "faers_ascii":
            return mutated_zip(self.seeds, chance)
        return mutated(self.seeds, chance)

    def give(self, content: bytes) -> str:
        self._path.write_bytes(content)
        before = time.process_time()
        outcome, found = "read", []
        try:
            for record in read(self._path, self.name, mapping=self._mapping):
                found.append(record)
                if len(found) > MOST_RECORDS:
                    raise Broken("more records than there can be")
        except InputError as error:
            outcome = error.code
        for record in found:
            self._judge(record)
        lines = _lines(content) if self.name == "ndjson" else None
        if outcome == "read" and lines is not None and len(found) != lines:
            raise Broken(f"{lines} lines, {len(found)} records")
        # of one line there may be two records: FAERS has such lines
        if len({(record.where, record.raw) for record in found}) != len(found):
            raise Broken("one record twice")
        _quick(before)
        accepted = sum(not record.faults for record in found)
        return outcome if outcome != "read" else "sound" if accepted else "faults alone"

    def _judge(self, record: SourceRecord) -> None:
        """As an import does: what is accepted is a record by the model, again and again."""
        if record.faults:
            if not all(fault.code and fault.message for fault in record.faults):
                raise Broken("a fault without a code or a message")
            return
        try:
            if record.report is not None:
                found = checked(record.stream, record.report, sender=record.sender, taken_at=NOW)
            else:
                found = check(record.stream, record.raw, sender=record.sender, taken_at=NOW)
        except RecordError as error:
            if not error.faults:
                raise Broken("refused without a fault") from error
            return
        again = check(record.stream, found.body, sender=record.sender, taken_at=NOW)
        if (again.content_hash, again.record_id) != (found.content_hash, found.record_id):
            raise Broken("what was accepted is another record when it is read again")


def _lines(content: bytes) -> int | None:
    """Lines that are not blank, where nothing else ends a line."""
    if (
        b"\r" in content
        or content[:3] == b"\xef\xbb\xbf"
        or content[:2] in (b"\xff\xfe", b"\xfe\xff")
    ):
        return None
    return sum(bool(line.strip(b" \t")) for line in content.split(b"\n"))


class Endpoint:
    """A push endpoint, in this process, over a log and a store of its own."""

    def __init__(self, stream: Stream, folder: Path) -> None:
        self.name = f"POST /v1/{stream}"
        self._stream: Stream = stream
        settings = Settings.read(data=folder)
        self._store, self._log = open_store(settings.store), open_log(settings.broker)
        self._log.ensure_topics(settings.topics())
        self._partitions = settings.partitions()
        self._sealer = load_sealer(folder)
        generous = Limits(rate=1e9, burst=1e9)
        self._gateway = Gateway(
            store=self._store,
            log=self._log,
            sealer=self._sealer,
            partitions=self._partitions,
            registry=CollectorRegistry(),
            limits=generous,
        )
        transport = httpx.ASGITransport(Starlette(routes=self._gateway.routes()))
        self._key = create_key(self._store, SENDER, "registry")
        self._client = httpx.AsyncClient(transport=transport, base_url="http://gateway")
        self._loop = asyncio.new_event_loop()
        self._offsets = [0] * self._partitions
        one = report() if stream == "reports" else dose()
        forms = {"application/json": [_json(one), _json([one, one])]}
        forms["application/x-ndjson"] = [_json(one) + b"\n" + _json(one) + b"\n"]
        if stream == "reports":
            for form, kind in (("e2b_r3", "xml"), ("e2b_r2", "xml"), ("fhir", "fhir+json")):
                part = folder / form
                part.mkdir()
                forms.setdefault(f"application/{kind}", []).append(sample(part, form).read_bytes())
        self._forms = forms

    def make(self, chance: random.Random) -> bytes:
        form = chance.choice(sorted(self._forms))
        return form.encode() + b"\n" + mutated(self._forms[form], chance)

    def give(self, content: bytes) -> str:
        form, _, body = content.partition(b"\n")
        before = time.process_time()
        answer = self._loop.run_until_complete(self._push(form.decode("latin-1"), body))
        entries = list(self._new())
        if answer.status_code not in (202, 400, 413, 415, 422):
            raise Broken(f"answered {answer.status_code}: {answer.text[:200]}")
        said = answer.json()
        if answer.status_code in (202, 422) and "records" in said:
            self._compare(said["records"], entries)
        elif entries:
            raise Broken("refused whole, and yet in the log")
        elif not said.get("code"):
            raise Broken("refused without a code")
        _quick(before)
        return str(answer.status_code)

    async def _push(self, form: str, body: bytes) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._key}", "content-type": form}
        return await self._client.post(f"/v1/{self._stream}", content=body, headers=headers)

    def _new(self) -> Iterator[Entry]:
        """What was appended since the last time."""
        for partition in range(self._partitions):
            for message in self._log.read(
                self._stream, partition, self._offsets[partition], 10_000
            ):
                self._offsets[partition] = message.offset + 1
                yield from decode_envelope(message.value or b"").records

    def _compare(self, said: list[dict[str, object]], entries: list[Entry]) -> None:
        if len(said) != len(entries):
            raise Broken(f"{len(said)} records answered, {len(entries)} in the log")
        accepted = sum(one["status"] != "rejected" for one in said)
        sound = [entry for entry in entries if not entry.faults]
        if accepted != len(sound):
            raise Broken(f"{accepted} accepted, {len(sound)} of them in the log without a fault")
        for entry in sound:
            body = self._sealer.disclose(entry.body)
            again = check(self._stream, body, sender=entry.sender, taken_at=NOW)
            if again.record_id != entry.record_id:
                raise Broken("what was accepted is another record when it is read again")

    def close(self) -> None:
        """End what was started."""
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()
        self._gateway.close()
        self._log.close()
        self._store.close()


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _quick(before: float) -> None:
    took = time.process_time() - before
    if took > 2:
        raise Broken(f"took {took:.1f} s")


NAMES = (*sorted(FORMATS), "POST /v1/reports", "POST /v1/followups")


@contextmanager
def target(name: str) -> Iterator[Target]:
    """A target by its name, in a folder of its own."""
    # in memory where there is such a folder: this is about laws, not about disks
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="ketavigil-fuzz-", dir=memory) as folder:
        if name in FORMATS:
            yield Reader(name, Path(folder))
            return
        stream: Stream = "reports" if name.endswith("reports") else "followups"
        endpoint = Endpoint(stream, Path(folder))
        try:
            yield endpoint
        finally:
            endpoint.close()


def run(name: str, seed: int, first: int, count: int, tell: Callable[[int], None]) -> Counter[str]:
    """Give a target inputs by their numbers; what became of them, in words.

    `tell` is called with the number before each, so that whoever watches knows which one it is
    when the process is gone. An input that breaks a law, or raises what it should not, ends it.
    """
    out: Counter[str] = Counter()
    with target(name) as held:
        for number in range(first, first + count):
            content = held.make(random.Random(f"{seed} {name} {number}"))
            tell(number)
            try:
                out[held.give(content)] += 1
            except Exception as error:
                raise Broken(f"input {number}: {type(error).__name__}: {error}") from error
    return out
