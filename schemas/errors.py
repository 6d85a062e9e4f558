"""Every error that ketavigil raises or reports, in one place, each with a stable code.

The tree; a caller catches the most general class that it can deal with:

    KetavigilError
    ├── RecordError           one record is at fault; it is kept, in quarantine
    │   ├── MalformedRecord       the bytes are no record: encoding, JSON, depth, NUL, size
    │   └── InvalidRecord         a record, but a field of it is not permitted
    ├── RequestRefused        a whole request is refused; nothing of it was received
    ├── InputError            a file or an argument cannot be used
    ├── LogError              the log: another one, too short, away, or written by a newer version
    └── StoreError            the store: another one, locked, away, or written by a newer version

Codes are part of the contract: they are never renamed, only added to.
"""

from __future__ import annotations

from dataclasses import dataclass


class KetavigilError(Exception):
    """Base of all errors; `code` is stable, the message is for people.

    >>> str(InputError("no_such_file", "there is no file x.csv"))
    'there is no file x.csv'
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of one record, as a sender is told it.

    `code` is stable; `path` is the JSON path of the field (empty for the whole record);
    `message` never repeats the value, since a value can identify a patient.
    """

    code: str
    path: str
    message: str


class RecordError(KetavigilError):
    """One record is at fault; `faults` says where."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(
            faults[0].code, "; ".join(f"{f.path or 'record'}: {f.message}" for f in faults)
        )
        self.faults = faults


class MalformedRecord(RecordError):
    """The bytes are no record."""


class InvalidRecord(RecordError):
    """A field of the record is missing or not permitted."""


class RequestRefused(KetavigilError):
    """A whole request is refused; nothing of it was received."""


class InputError(KetavigilError):
    """A file or an argument cannot be used."""


class LogError(KetavigilError):
    """The log is not the one expected, too short, away, or of a newer version."""


class StoreError(KetavigilError):
    """The store is not the one expected, locked, away, or of a newer version."""
