"""Whether a worker runs on a store: its lock, and one that is started for a while.

Apart from the worker, so that a command that only waits for one imports none of what it needs.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from schemas.errors import InputError, StoreError
from streams.settings import Settings

_READY = "worker.ready"


def _lock_path(settings: Settings) -> Path | None:
    """Where the worker's lock is: beside an SQLite store; a database server needs none."""
    if not settings.store.startswith("sqlite:///"):
        return None
    return Path(settings.store.removeprefix("sqlite:///")).parent / "worker.lock"


@contextmanager
def lock(settings: Settings) -> Iterator[None]:
    """Be the only worker of an SQLite store, by a lock that ends with the process."""
    path = _lock_path(settings)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if not _try_lock(file):
            raise StoreError("worker_running", f"a worker is running on {path.parent} already")
        yield


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_running(settings: Settings) -> bool:
    """Whether a worker holds the lock of this store."""
    path = _lock_path(settings)
    if path is None or not path.exists():
        return False
    with path.open("a") as file:
        return not _try_lock(file)


def mark_ready(settings: Settings) -> None:
    """Say that a worker takes what comes."""
    if (path := _lock_path(settings)) is not None:
        path.with_name(_READY).write_text(str(os.getpid()))


def unmark_ready(settings: Settings) -> None:
    """Say that it no longer does."""
    if (path := _lock_path(settings)) is not None:
        path.with_name(_READY).unlink(missing_ok=True)


@contextmanager
def running_worker(settings: Settings, *, timeout: float = 60.0) -> Iterator[None]:
    """A worker is running inside: the one that is there, or one that is started for the while."""
    path = _lock_path(settings)
    if is_running(settings) or path is None:
        yield
        return
    path.with_name(_READY).unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "streams", "worker"],
        env=os.environ | settings.environment(),
        stdout=subprocess.DEVNULL,  # what is printed is the command's own
    )
    try:
        _wait_ready(settings, process, path.with_name(_READY), timeout)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(
    settings: Settings, process: subprocess.Popen[bytes], path: Path, timeout: float
) -> None:
    until = time.monotonic() + timeout
    while not path.exists():
        if process.poll() is not None:
            if is_running(settings):
                return  # another one was quicker
            raise InputError("worker_failed", "the worker could not be started; see above")
        if time.monotonic() > until:
            raise InputError("worker_failed", f"the worker was not ready within {timeout:.0f} s")
        time.sleep(0.02)
