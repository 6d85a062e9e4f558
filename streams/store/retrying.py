"""A transaction that met another writer, or a store or log that is away, is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from sqlalchemy.exc import IntegrityError

from schemas.errors import LogError, StoreError
from streams.store.failing import StoreConflict

_TRIES = 8  # of what meets another writer
_PAUSE, _LONGEST = 0.02, 0.5  # seconds between tries, on average
_UNIQUE = "23505"  # SQLSTATE
AWAY = frozenset({"store_away", "log_away"})


def retried(
    work: Callable[[], None], *, done: Callable[[], bool] = lambda: False, patience: float = 10.0
) -> None:
    """Do `work` until it is done; what writes the store in it is one transaction.

    `StoreConflict` where it always meets another writer: two new rows of one key are such a
    meeting, too. Where store or log is away it is tried for `patience` seconds, then that error is
    raised; `done` says whether a transaction that was cut off while it committed is there.
    """
    pause, meetings = _PAUSE, 0
    until = time.monotonic() + patience
    cut = False
    while True:
        try:
            if cut and done():
                return None
            cut = False
            return work()
        except (StoreConflict, IntegrityError) as error:
            if isinstance(error, IntegrityError) and _state(error) != _UNIQUE:
                raise
            meetings += 1
            if meetings == _TRIES:
                raise StoreConflict("store_conflict", "two writers keep meeting") from error
        except (StoreError, LogError) as error:
            if error.code not in AWAY or time.monotonic() > until:
                raise
            cut = True
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 2, _LONGEST)


def _state(error: IntegrityError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
