"""RUCAM, by hand."""

from __future__ import annotations

import pytest

from detectors.rucam import ITEMS, PATTERNS, rucam
from schemas.errors import InputError

LEAST = {
    "hepatocellular": {
        "onset": "early_or_late",
        "course": "unknown",
        "age": "under_55",
        "alcohol": "little",
        "concomitant": "none",
        "causes": "fewer",
        "before": "unknown",
        "again": "other",
    },
}
LEAST["cholestatic"] = LEAST["hepatocellular"] | {"pregnancy": "no"}


@pytest.mark.parametrize(
    ("pattern", "answers", "score", "grade"),
    [
        # 1 + 0 + 0 + 0 + 0 - 2 + 0 + 0
        ("hepatocellular", {}, -1, "excluded"),
        # 2 + 3 + 0 + 0 + 0 + 1 + 1 + 0
        (
            "hepatocellular",
            {"onset": "typical", "course": "week", "causes": "group_1", "before": "published"},
            7,
            "probable",
        ),
        # 2 + 2 + 1 + 1 - 1 + 0 + 0 + 0
        (
            "hepatocellular",
            {
                "onset": "typical",
                "course": "month",
                "age": "over_55",
                "alcohol": "much",
                "concomitant": "fits",
                "causes": "most",
            },
            5,
            "possible",
        ),
        # 1 - 2 + 0 + 0 - 3 - 3 + 0 - 2: the least there is
        (
            "hepatocellular",
            {"course": "worse", "concomitant": "proved", "causes": "other", "again": "normal"},
            -9,
            "excluded",
        ),
        # 2 + 2 + 0 + 0 + 0 + 0 + 2 + 2 + 3: a published case scored 2 + 2 on its first items
        (
            "cholestatic",
            {
                "onset": "typical",
                "course": "halved",
                "causes": "all",
                "before": "labelled",
                "again": "alone",
            },
            11,
            "highly probable",
        ),
        # 2 + 2 + 1 + 1 + 1 + 0 + 2 + 2 + 3: the most there is
        (
            "cholestatic",
            {
                "onset": "typical",
                "course": "halved",
                "age": "over_55",
                "alcohol": "much",
                "pregnancy": "yes",
                "causes": "all",
                "before": "labelled",
                "again": "alone",
            },
            14,
            "highly probable",
        ),
        # 1 + 1 + 0 + 0 + 0 - 2 + 0 + 1 + 1
        (
            "cholestatic",
            {"course": "less", "before": "published", "again": "together"},
            2,
            "unlikely",
        ),
    ],
)
def test_the_points_add_up(pattern: str, answers: dict[str, str], score: int, grade: str) -> None:
    found = rucam(pattern, LEAST[pattern] | answers)
    assert (found.score, found.grade) == (score, grade)
    assert dict(found.items) == LEAST[pattern] | answers


def test_the_range_is_that_of_the_method() -> None:
    # Danan and Teschke 2016: from -9 to +14
    ends = [
        (
            sum(min(c.points for c in item.choices) for item in items),
            sum(max(c.points for c in item.choices) for item in items),
        )
        for items in ITEMS.values()
    ]
    assert (min(low for low, _ in ends), max(high for _, high in ends)) == (-9, 14)
    assert {high for _, high in ends} == {14}
    assert set(ITEMS) == set(PATTERNS)


@pytest.mark.parametrize(
    ("pattern", "answers", "said"),
    [
        ("mixed", {}, "the pattern is one of hepatocellular, cholestatic"),
        ("hepatocellular", LEAST["hepatocellular"] | {"pregnancy": "no"}, "no item pregnancy"),
        ("cholestatic", LEAST["hepatocellular"], "answer “Pregnancy”"),
        ("cholestatic", LEAST["cholestatic"] | {"course": "week"}, "answer “ALP after the stop"),
    ],
)
def test_what_is_no_answer_is_refused(pattern: str, answers: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        rucam(pattern, answers)
    assert error.value.code == "bad_rucam"
