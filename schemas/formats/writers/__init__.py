"""Writers: one file a format, one contract.

    target = Target(Path("reports.xml"), "2025-07-04T10:15:00Z")
    WRITERS["e2b_r3"](target, reports)

A writer takes reports one by one and writes each once, in their order. What the format cannot hold
is counted in `Target.left_out`, never dropped without a word. A file whose name ends in `.gz` is
packed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from schemas.formats.writers import e2b_r3
from schemas.formats.writers.target import Target
from schemas.report import Report

__all__ = ["WRITERS", "Target"]

WRITERS: dict[str, Callable[[Target, Iterable[Report]], None]] = {
    "e2b_r3": e2b_r3.write,
}
