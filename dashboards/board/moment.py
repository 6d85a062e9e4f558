"""Which moment of the store a page shows, and what stands in the way of trusting it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from dashboards.lag import Behind, Lag
from dashboards.language import _, n_
from schemas.errors import LogError
from streams.store import tables

WAITING_TOO_LONG = 30.0  # seconds


class Moment(NamedTuple):
    """Changes applied, signals' history, records taken, acts of people: each only grows.

    `position`: of the newest change that is scored (-1: none); `sequence`: of the signals'
    history; `taken`: messages disposed of; `act`: number in the audit trail of what was last done
    with a signal.
    """

    position: int
    sequence: int
    taken: int
    act: int

    def __str__(self) -> str:
        return ".".join(map(str, self))


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader must know before reading the rest."""

    text: str
    grave: bool = False


def read_moment(connection: Connection) -> Moment:
    """The moment of a snapshot."""
    table = tables.positions
    rows = connection.execute(select(table.c.consumer, table.c.next_offset)).all()
    return Moment(
        max((at for consumer, at in rows if consumer == "detect"), default=0) - 1,
        connection.scalar(select(func.max(tables.signal_history.c.id))) or 0,
        sum(at for consumer, at in rows if consumer != "detect"),
        connection.scalar(select(func.max(tables.acts.c.id))) or 0,
    )


def notes(connection: Connection, lag: Lag | None) -> list[Note]:
    """What the board says above everything else: no data is not a clear signal."""
    out = []
    if lag is not None:
        try:
            out += _behind(lag.read(connection))
        except LogError:
            out.append(
                Note(
                    _("The log cannot be read: whether anything is waiting is not known."),
                    grave=True,
                )
            )
    held = connection.scalar(select(func.count()).select_from(tables.quarantine)) or 0
    if held:
        out.append(
            Note(
                n_(
                    "{n:,} record is held in quarantine and counted in no signal.",
                    "{n:,} records are held in quarantine and counted in no signal.",
                    held,
                    n=held,
                )
            )
        )
    return out


def _behind(parts: list[Behind]) -> list[Note]:
    now = time.time()
    late = [p for p in parts if p.since is not None and p.since < now - WAITING_TOO_LONG]
    if not late:
        return []
    since = min(p.since for p in late if p.since is not None)
    minutes = (now - since) / 60
    ago = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"
    waiting = sum(p.waiting for p in late)
    return [
        Note(
            _(
                "{waiting:,} entries of the log wait to be counted, the oldest for {ago}: the "
                "worker is behind or has stopped. What is below may be out of date.",
                waiting=waiting,
                ago=ago,
            ),
            grave=True,
        )
    ]
