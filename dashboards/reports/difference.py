"""A value in which a given report and the store are not at one."""

from __future__ import annotations

from dataclasses import dataclass

ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Difference:
    """A value of the file that is not the one of the store."""

    path: str
    given: str
    stored: str
