"""The limits of the quality suite, as `limits.toml` states them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from schemas.record import Stream


class RowLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The range of a row rule; either end may be open."""

    says: str
    min: float | None = None
    max: float | None = None


class BatchLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The greatest share that a batch rule lets pass."""

    max: float


class StreamLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of one stream by name."""

    rows: dict[str, RowLimit]
    batch: dict[str, BatchLimit]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All limits. `scores`: the least and greatest total of each instrument."""

    min_records: int
    reports: StreamLimits
    followups: StreamLimits
    scores: dict[str, tuple[float, float]]

    def of(self, stream: Stream) -> StreamLimits:
        """The rules of a stream."""
        return self.reports if stream == "reports" else self.followups


@cache
def limits() -> Limits:
    """The limits that ship with ketavigil.

    >>> limits().reports.rows["age_range"].max
    125.0
    """
    content = (files(__package__) / "limits.toml").read_bytes()
    return msgspec.toml.decode(content, type=Limits)
