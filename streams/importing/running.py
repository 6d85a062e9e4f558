"""An import from its files to its receipt."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from schemas.envelope import IMPORT_ENDED, MAX_RECORDS
from schemas.errors import InputError, KetavigilError
from schemas.formats import FORMATS, Reading, read
from schemas.record import Stream
from streams.agents.running import running_worker
from streams.agents.settling import disposed, settle
from streams.importing.outcome import Outcome, outcome
from streams.importing.sending import Place, Sending
from streams.log import open_log
from streams.master_key import load_sealer
from streams.settings import CONSUMERS, Settings
from streams.store.store import Store, open_store, stored_positions

_MAX_SENDER = 100
_POLL = 0.05
_STALLED = 120.0

Progress = Callable[[str, int, int | None], None]
"""What is being done (`reading`, `waiting`), how many records of it, and of how many."""


@dataclass(slots=True)
class FileRead:
    """What was read of one file."""

    file: str
    format: str
    sender: str
    records: int
    unknown: Counter[str]


@dataclass(slots=True)
class Import:
    """An import that is over; `problem` where a file broke off, after what came before it."""

    files: list[FileRead] = field(default_factory=list)
    outcome: Outcome = field(default_factory=lambda: Outcome(0))
    problem: InputError | None = None
    position: int | None = None
    seconds_sending: float = 0.0
    seconds: float = 0.0


def open_files(
    files: Sequence[Path], form: str, sender: str | None, mapping: Path | None = None
) -> list[Reading]:
    """The files, none of them read yet; `InputError` where one cannot be read at all."""
    if form != "auto" and form not in FORMATS:
        raise InputError("unknown_format", f"there is no format {form}: {', '.join(FORMATS)}")
    if sender is not None and not 0 < len(sender.strip()) <= _MAX_SENDER:
        raise InputError("bad_sender", f"a sender has a name of 1 to {_MAX_SENDER} characters")
    given = sender.strip() if sender else None
    return [read(path, form, given, mapping) for path in files]


def import_files(
    settings: Settings,
    files: Sequence[Path],
    *,
    form: str = "auto",
    sender: str | None = None,
    mapping: Path | None = None,
    progress: Progress = lambda doing, done, of: None,
) -> Import:
    """Send files through the log, wait until all of it is disposed of, and force a checkpoint.

    Nothing is appended where one of the files cannot be read at all. A worker is started where
    none runs on this store. Only the log is written to.
    """
    began = time.monotonic()
    readings = open_files(files, form, sender, mapping)
    if settings.data is not None:
        settings.data.mkdir(parents=True, exist_ok=True)
    sealer = load_sealer(settings.data)
    log = open_log(settings.broker)
    try:
        log.ensure_topics(settings.topics())
        sending = Sending(log, sealer, settings.partitions())
        with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
            # a worker takes seconds to start; nothing that is in the log by then has to wait
            started = pool.submit(stack.enter_context, running_worker(settings))

            def sent(doing: str, count: int, of: int | None) -> None:
                if started.done():
                    started.result()
                progress(doing, count, of)

            done = _send(readings, sending, sent)
            done.seconds_sending = time.monotonic() - began
            started.result()
            store = open_store(settings.store, create=False)
            try:
                _wait(store, sending.places, progress)
                done.position = settle(settings, store, log, reason=IMPORT_ENDED)
                with store.read() as connection:
                    done.outcome = outcome(connection, sending.places)
            finally:
                store.close()
    finally:
        log.close()
    done.seconds = time.monotonic() - began
    return done


def _send(readings: Sequence[Reading], sending: Sending, progress: Progress) -> Import:
    done = Import()
    began = sending.records
    for reading in readings:
        before = sending.records

        def each() -> None:
            if sending.records % MAX_RECORDS == 0:
                progress("reading", sending.records - began, None)

        try:
            sending.send(reading, each)
        except InputError as error:
            done.problem = error
        done.files.append(
            FileRead(
                str(reading.path),
                reading.format,
                reading.sender,
                sending.records - before,
                reading.unknown,
            )
        )
        if done.problem:
            break
    progress("reading", sending.records - began, None)
    return done


def _wait(store: Store, places: Sequence[Place], progress: Progress) -> None:
    """Wait until these envelopes are disposed of, for as long as it goes on."""
    targets: dict[tuple[str, int], int] = {}
    for place in places:
        at = place.stream, place.partition
        targets[at] = max(targets.get(at, 0), place.offset + 1)
    of = sum(place.records for place in places)
    behind, moved = -1, time.monotonic()
    while not disposed(store, targets):
        count = _behind(store, places)
        progress("waiting", count, of)
        if count != behind:
            behind, moved = count, time.monotonic()
        elif time.monotonic() - moved > _STALLED:
            raise KetavigilError(
                "worker_stalled",
                f"no record was disposed of in {_STALLED:.0f} s; all {of} are in the log",
            )
        time.sleep(_POLL)
    progress("waiting", of, of)


def _behind(store: Store, places: Sequence[Place]) -> int:
    """Records of these envelopes that are disposed of."""
    held: dict[Stream, Mapping[tuple[str, int], int]] = {}
    with store.read() as connection:
        for stream in {place.stream for place in places}:
            held[stream] = stored_positions(connection, CONSUMERS[stream])
    return sum(
        place.records
        for place in places
        if place.offset < held[place.stream].get((place.stream, place.partition), 0)
    )
