"""What every reader hands on: one record of a file, with what was read for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import Fault
from schemas.record import MAX_BYTES, Stream
from schemas.report import Report

TOO_LONG = Fault("record_too_large", "", f"a line may have {MAX_BYTES} bytes at the most")


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One record as a reader found it.

    `raw` is what was read for it: the exact JSON of a record in our own schema, or the rows of a
    table as one JSON text of their columns, empty ones left out. Either `report` is given, or
    `faults`, or neither: then `raw` is JSON in our schema, for `schemas.record.check` to judge.
    `where` names file and line; `sender` is whose record it is taken to be; `record_id` is the id
    of one with faults, where it is known. `element_of` turns the path of a field, in faults that
    are found later, into the name that the sender's format has for it. `masked` says what a
    message named that identifies a person, and was left out.
    """

    raw: bytes
    report: Report | None
    faults: tuple[Fault, ...]
    where: str
    sender: str
    stream: Stream = "reports"
    record_id: str | None = None
    element_of: Callable[[str], str] = field(default=str, compare=False)
    masked: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Source:
    """A file that is being read.

    `given` is the sender that the user named, `mapping` a file that says what columns mean. What
    the file holds and a report has no slot for is counted in `unknown`, under the column and what
    was odd about it.
    """

    path: Path
    format: str
    given: str | None = None
    unknown: Counter[str] = field(default_factory=Counter)
    mapping: Path | None = None

    @property
    def sender(self) -> str:
        """Whose records these are where they do not say it themselves."""
        return self.given or f"import:{self.format}"

    def where(self, line: int, member: str = "") -> str:
        """The place of a line, named as a person would look for it."""
        return f"{member or self.path.name}:{line}"


class Reading(Iterator[SourceRecord]):
    """The records of a file, one by one, in its order; `unknown` fills while they are read."""

    def __init__(self, source: Source, records: Iterator[SourceRecord]) -> None:
        self.path = source.path
        self.format = source.format
        self.sender = source.sender
        self.unknown = source.unknown
        self._records = records

    def __next__(self) -> SourceRecord:
        return next(self._records)
