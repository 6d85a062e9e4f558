"""The table of data elements: what each may hold, and what its codes are called in a report."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_TYPE = re.compile(r"(\d+)(AN|N|A)|TS\.(year|day|second)|BL|ID")
# what TS of the least precision has: characters of CCYYMMDDhhmmss
_PRECISION = {"year": 4, "day": 8, "second": 14}


class Element(NamedTuple):
    """A row of `elements.tsv`.

    `kind` is N, A, AN, TS, BL or ID; `size` the greatest length of a text, for TS the least number
    of digits; `codes` from a permitted code to its word in a report (empty where it has none).
    """

    number: str
    kind: str
    size: int
    required: bool
    codes: dict[str, str]
    nulls: frozenset[str]
    name: str

    def code(self, word: str) -> str:
        """The first code that a word of the report stands for."""
        return next(code for code, meant in self.codes.items() if meant == word)


@cache
def elements() -> dict[str, Element]:
    """Every data element by its number.

    >>> elements()["E.i.7"].codes["5"], elements()["G.k.1"].code("interacting")
    ('fatal', '3')
    """
    content = (files(__package__) / "elements.tsv").read_text(encoding="utf-8")
    found = (_element(line) for line in content.splitlines() if not line.startswith("#"))
    return {element.number: element for element in found}


def _element(line: str) -> Element:
    number, kind, conformance, codes, nulls, name = line.split("\t")
    match = _TYPE.fullmatch(kind)
    assert match, kind
    length, text, precision = match.groups()
    pairs = (code.partition("=") for code in codes.split(",") if code and code != "ISO")
    return Element(
        number,
        text or kind[:2],
        int(length) if length else _PRECISION.get(precision, 0),
        conformance == "R",
        {code: word for code, _, word in pairs},
        frozenset(nulls.split(",")) if nulls else frozenset(),
        name,
    )
