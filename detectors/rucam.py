"""RUCAM: how likely a product caused the liver injury of one case, by seven scored items.

The updated Roussel Uclaf Causality Assessment Method, one scale for hepatocellular injury and one
for cholestatic or mixed injury (by R at the onset: 5 and more is hepatocellular).
Source: Danan, Teschke, Int J Mol Sci 2016;17:14, items in our words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.errors import InputError


class Choice(NamedTuple):
    """An answer to an item: its name, its points, and words for it."""

    name: str
    points: int
    words: str


class Item(NamedTuple):
    """A question; the first choice is what stands where nothing is known."""

    name: str
    words: str
    choices: tuple[Choice, ...]


PATTERNS: Final = {
    "hepatocellular": "hepatocellular (R of 5 or more)",
    "cholestatic": "cholestatic or mixed (R below 5)",
}
# the points from which a grade holds, the highest first
GRADES: Final = (
    (9, "highly probable"),
    (6, "probable"),
    (3, "possible"),
    (1, "unlikely"),
)
EXCLUDED: Final = "excluded"


def _onset(again: int, stopped: int) -> Item:
    return Item(
        "onset",
        "Time to onset",
        (
            Choice("early_or_late", 1, f"under 5 or over 90 days from the start (again: {again})"),
            Choice("typical", 2, f"5 to 90 days from the start (taken again: 1 to {again} days)"),
            Choice("stopped", 1, f"within {stopped} days of the stop (slowly metabolised: later)"),
        ),
    )


_AGE = Item(
    "age",
    "Age",
    (Choice("under_55", 0, "under 55 years"), Choice("over_55", 1, "55 years or over")),
)
_ALCOHOL = Item(
    "alcohol",
    "Alcohol now",
    (
        Choice("little", 0, "up to 2 drinks a day (women), 3 (men), or none"),
        Choice("much", 1, "more than 2 drinks a day (women), 3 (men)"),
    ),
)
_PREGNANCY = Item("pregnancy", "Pregnancy", (Choice("no", 0, "no"), Choice("yes", 1, "yes")))
_CONCOMITANT = Item(
    "concomitant",
    "Other drugs or herbs",
    (
        Choice("none", 0, "none, not known, or at a time that does not fit"),
        Choice("fits", -1, "one at a time that fits"),
        Choice("toxic", -2, "one known to harm the liver, at a time that fits"),
        Choice("proved", -3, "one whose part in this case is proved (taken again, or a test)"),
    ),
)
# group I: hepatitis A, B, C and E, imaging of liver and bile ducts, alcohol, low blood pressure;
# group II: what complicates the underlying diseases, and infections by four herpes viruses
_CAUSES = Item(
    "causes",
    "Other causes",
    (
        Choice("fewer", -2, "fewer than 5 of the 7 of group I ruled out"),
        Choice("most", 0, "5 or 6 of group I ruled out"),
        Choice("group_1", 1, "all 7 of group I ruled out"),
        Choice("all", 2, "all of groups I and II ruled out"),
        Choice("other", -3, "another cause is highly probable"),
    ),
)
_BEFORE = Item(
    "before",
    "Harm to the liver by the product before",
    (
        Choice("unknown", 0, "not known"),
        Choice("published", 1, "published, and not in the label"),
        Choice("labelled", 2, "in the label"),
    ),
)


def _again(test: str, limit: str) -> Item:
    return Item(
        "again",
        "Taken again by mistake",
        (
            Choice("other", 0, "not taken again, or not to be judged"),
            Choice("alone", 3, f"{test} doubled with the product alone, below {limit} before"),
            Choice("together", 1, f"{test} doubled with what was taken at the first reaction"),
            Choice("normal", -2, f"{test} rose, but stayed normal, as at the first reaction"),
        ),
    )


ITEMS: Final[dict[str, tuple[Item, ...]]] = {
    "hepatocellular": (
        _onset(15, 15),
        Item(
            "course",
            "ALT after the stop, from its peak to the upper limit of normal",
            (
                Choice("unknown", 0, "not known, taken on, or halved after the 30th day"),
                Choice("week", 3, "halved within 8 days"),
                Choice("month", 2, "halved within 30 days"),
                Choice("worse", -2, "not halved after the 30th day, or risen again"),
            ),
        ),
        _AGE,
        _ALCOHOL,
        _CONCOMITANT,
        _CAUSES,
        _BEFORE,
        _again("ALT", "5 times the upper limit of normal"),
    ),
    "cholestatic": (
        _onset(90, 30),
        Item(
            "course",
            "ALP after the stop, from its peak to the upper limit of normal",
            (
                Choice("unknown", 0, "not known, persisting, rising, or taken on"),
                Choice("halved", 2, "halved within 180 days"),
                Choice("less", 1, "fallen by less than half within 180 days"),
            ),
        ),
        _AGE,
        _ALCOHOL,
        _PREGNANCY,
        _CONCOMITANT,
        _CAUSES,
        _BEFORE,
        _again("ALP", "twice the upper limit of normal"),
    ),
}


@dataclass(frozen=True, slots=True)
class Rucam:
    """An assessment: the pattern, the choice for each item of its scale, points, and the grade."""

    pattern: str
    items: tuple[tuple[str, str], ...]
    score: int
    grade: str


def rucam(pattern: str, answers: Mapping[str, str]) -> Rucam:
    """The points of all items together, and what they say.

    0 and less: excluded; 1-2 unlikely; 3-5 possible; 6-8 probable; 9 and more highly probable. An
    onset that cannot be (after more than so many days from the stop) is not for this scale.
    InputError `bad_rucam` for a pattern, an item or a choice that is not there, and for an item
    without an answer. Verified by hand: `tests/detectors/test_rucam.py`.

    >>> found = rucam("hepatocellular", {"onset": "typical", "course": "week", "age": "over_55",
    ...     "alcohol": "little", "concomitant": "none", "causes": "group_1", "before": "published",
    ...     "again": "other"})
    >>> found.score, found.grade
    (8, 'probable')
    """
    if pattern not in ITEMS:
        raise InputError("bad_rucam", f"the pattern is one of {', '.join(ITEMS)}")
    items = ITEMS[pattern]
    if unknown := sorted(set(answers) - {item.name for item in items}):
        raise InputError("bad_rucam", f"the {pattern} scale has no item {unknown[0]}")
    score, chosen = 0, []
    for item in items:
        points = {choice.name: choice.points for choice in item.choices}
        answer = answers.get(item.name, "")
        if answer not in points:
            raise InputError("bad_rucam", f"RUCAM: answer “{item.words}” with one of its choices")
        score += points[answer]
        chosen.append((item.name, answer))
    return Rucam(pattern, tuple(chosen), score, grade(score))


def grade(score: int) -> str:
    """What a score says.

    >>> [grade(points) for points in (-9, 0, 1, 3, 6, 9, 14)]
    ['excluded', 'excluded', 'unlikely', 'possible', 'probable', 'highly probable', \
'highly probable']
    """
    return next((name for least, name in GRADES if score >= least), EXCLUDED)
