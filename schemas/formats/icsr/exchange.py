"""What a batch says of itself and of who sends it; a report does not know these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Coding = tuple[str, str]
"""A MedDRA LLT code and the version of MedDRA that it is of."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Who sends a batch to whom, and when.

    `created` is a moment to the second with its zone; `sender_type` and `first_sender` are the
    codes of C.3.1 and C.1.8.2. `meddra` codes a term where the user has MedDRA: without it no
    reaction has a code, since none is ever guessed.

    >>> Exchange("2025-07-04T10:15:00Z").number
    '2025-07-04T10:15:00Z'
    """

    created: str
    batch: str = ""
    sender: str = "KETAVIGIL"
    receiver: str = "RECEIVER"
    organisation: str = "ketavigil"
    sender_type: str = "6"
    first_sender: str = "2"
    meddra: Callable[[str], Coding | None] = lambda term: None

    @property
    def number(self) -> str:
        """The number of the batch; when it was created unless one is given."""
        return self.batch or self.created
