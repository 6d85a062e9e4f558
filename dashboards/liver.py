"""RUCAM in the workflow: what a form gives becomes an assessment of one case, kept with the signal.

It is kept as JSON: case, pattern, items with the choice for each, score, grade.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dashboards.language import _
from detectors.rucam import ITEMS, PATTERNS, rucam
from schemas.errors import InputError
from schemas.vocabulary import Vocabulary

GROUP = "hepatic"
PREFIX = "rucam_"
LONGEST_CASE = 100  # characters


class Assessment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """RUCAM of one case of a signal."""

    case: str
    pattern: str
    items: dict[str, str]
    score: int
    grade: str

    @property
    def scale(self) -> str:
        """The pattern in words."""
        return PATTERNS[self.pattern]

    @property
    def answers(self) -> list[tuple[str, str, int]]:
        """Each item in words, with the answer and its points."""
        return [
            (item.words, choice.words, choice.points)
            for item in ITEMS[self.pattern]
            for choice in item.choices
            if choice.name == self.items[item.name]
        ]

    def __str__(self) -> str:
        return _(
            "{score}, {grade} ({pattern}, case {case})",
            score=self.score,
            grade=_(self.grade),
            pattern=_(self.pattern),
            case=self.case,
        )


def of_liver(vocabulary: Vocabulary, event: str) -> bool:
    """Whether an event is one of the liver, so that RUCAM can be asked for.

    >>> names = Vocabulary.load()
    >>> [of_liver(names, event) for event in ("group:hepatic", "Cholangitis", "Dissociation")]
    [True, True, False]
    """
    return event == f"group:{GROUP}" or GROUP in vocabulary.groups_of(event)


def assessed(fields: Mapping[str, str]) -> str | None:
    """The assessment that the fields of a form give, as JSON; None where no scale was chosen.

    `fields`: `pattern`, `case`, and `PATTERN_ITEM` for each item. InputError `bad_rucam`.

    >>> assessed({"pattern": "", "case": "A-1"}) is None
    True
    """
    pattern, case = fields.get("pattern", ""), fields.get("case", "")
    if not pattern:
        return None
    if not case or len(case) > LONGEST_CASE:
        raise InputError(
            "bad_rucam",
            _(
                "RUCAM: say of which case, in at most {n} characters",
                n=LONGEST_CASE,
            ),
        )
    start = f"{pattern}_"
    given = {
        name.removeprefix(start): value
        for name, value in fields.items()
        if name.startswith(start) and value
    }
    found = rucam(pattern, given)
    made = Assessment(case, pattern, dict(found.items), found.score, found.grade)
    return msgspec.json.encode(made).decode()


def read(text: str | None) -> Assessment | None:
    """What was kept.

    >>> read(None) is None
    True
    """
    return None if not text else msgspec.json.decode(text, type=Assessment)


def context(text: str | None, event: str, vocabulary: Vocabulary) -> dict[str, Any]:
    """What the page of a signal shows of it."""
    return {
        "rucam": read(text),
        "rucam_of": read,
        "RUCAM": ITEMS if of_liver(vocabulary, event) else None,
        "PATTERNS": PATTERNS,
        "LONGEST_CASE": LONGEST_CASE,
    }
