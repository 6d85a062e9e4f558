"""A transaction that met another writer is done again: it has written nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from sqlalchemy.exc import IntegrityError

from streams.store.failing import StoreConflict

_TRIES = 8
_PAUSE = 0.02  # seconds at first, on average

_UNIQUE = "23505"  # SQLSTATE


def retried(work: Callable[[], None]) -> None:
    """Do `work`, a whole transaction, until it meets nobody; `StoreConflict` where it always does.

    Two new rows of one key are such a meeting: the one who comes second finds the other's row.
    """
    pause = _PAUSE
    for attempt in range(1, _TRIES + 1):
        try:
            return work()
        except StoreConflict:
            if attempt == _TRIES:
                raise
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != _UNIQUE:
                raise
            if attempt == _TRIES:
                raise StoreConflict("store_conflict", "two writers keep meeting") from error
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause *= 2
    return None
