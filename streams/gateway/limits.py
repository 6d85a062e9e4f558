"""How much the gateway takes, and how fast."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request and one key may ask for.

    `rate` and `burst` are requests per second and at once, by key; `max_bytes` holds for a body
    as sent and as unpacked; `seconds` is how long a body may take to arrive and the log to
    confirm; `waiting_bytes` is what all bodies in work may take of memory. `page_rate` and
    `page_burst` are the same for the board: by person, and by address of who is not signed in;
    for whom the gateway does not know, too.
    """

    rate: float = 1_000.0
    burst: float = 2_000.0
    max_bytes: int = 16 << 20
    max_records: int = 20_000
    body_seconds: float = 60.0
    log_seconds: float = 20.0
    waiting_bytes: int = 128 << 20
    page_rate: float = 50.0
    page_burst: float = 500.0


class TokenBuckets:
    """One bucket a name: `burst` tokens, filled again at `rate` a second.

    >>> buckets = TokenBuckets(rate=2, burst=1, clock=lambda: 0.0)
    >>> buckets.wait("a"), buckets.wait("a")
    (0.0, 0.5)
    """

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> float:
        """Take a token and return 0, or the seconds until there is one (nothing is taken)."""
        now = self._clock()
        if len(self._buckets) > 10_000:
            self._forget(now)
        tokens, at = self._buckets.get(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        if tokens < 1:
            self._buckets[name] = (tokens, now)
            return (1 - tokens) / self._rate if self._rate else math.inf
        self._buckets[name] = (tokens - 1, now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full again: they are as good as new."""
        self._buckets = {
            name: (tokens, at)
            for name, (tokens, at) in self._buckets.items()
            if tokens + (now - at) * self._rate < self._burst
        }
