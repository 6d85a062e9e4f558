"""What a stream derives from the records of a course."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["note", "finding", "urgent"]
Unit = Literal["course", "session"]
Key = tuple[str, str, str]


class Finding(msgspec.Struct, frozen=True):
    """One thing that became true of a course, on a day, and the records it rests on.

    `code` is stable and names the rule; `event` is what it counts as in the cohort dataset, a
    preferred term where one fits. `level`: a note is shown with the course and never counted, a
    finding counts, an urgent one counts and is raised at once. `unit`: counted once a course
    (first event) or once a session. `anchor` tells several findings of one code apart (the dose,
    the visit, the level reached). `explanation` is one sentence with the numbers and the
    threshold, and no more of the patient than those.

    >>> found = Finding("urinary", "oabss_severe", "Cystitis", 739435, "finding", ("r7",), "...")
    >>> found.key
    ('urinary', 'oabss_severe', '')
    """

    stream: str
    code: str
    event: str
    day: int
    level: Level
    records: tuple[str, ...]
    explanation: str
    unit: Unit = "course"
    anchor: str = ""

    @property
    def key(self) -> Key:
        """What it is about; a course has one finding of a key, the newest."""
        return self.stream, self.code, self.anchor
