"""Routes of administration."""

from __future__ import annotations

import pytest

from schemas.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("sent", "route"),
    [
        ("IV", "intravenous"),
        ("i.v.", "intravenous"),
        ("Intravenous (not otherwise specified)", "intravenous"),
        ("042", "intravenous"),
        ("NASAL", "intranasal"),
        ("by mouth", "oral"),
        ("048", "oral"),
        ("Sublingual", "sublingual"),
        ("IM", "intramuscular"),
        ("sub-cutaneous", "subcutaneous"),
        ("PR", "rectal"),
        ("Transdermal", "other"),
        ("050", "other"),
        ("Unknown", ""),
        ("065", ""),
        ("", ""),
        ("  ", ""),
        (None, ""),
    ],
)
def test_a_route_is_one_of_the_known_ones_or_other_or_not_given(
    sent: str | None, route: str
) -> None:
    assert Vocabulary.load().route(sent) == route
