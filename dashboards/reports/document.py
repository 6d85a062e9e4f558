"""A report as a document: sections of paragraphs, facts and tables, before any page is made.

HTML and PDF are made of the same document, so that they cannot say different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log

import msgspec

from dashboards.board.computed import number

NONE = "–"


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A paragraph; `strong`: one that must not be overlooked."""

    text: str
    strong: bool = False


class Items(msgspec.Struct, frozen=True, tag="items"):
    """A list of sentences."""

    sentences: tuple[str, ...]


class Facts(msgspec.Struct, frozen=True, tag="facts"):
    """Names with their values."""

    rows: tuple[tuple[str, str], ...]


class Column(msgspec.Struct, frozen=True):
    """A column: its title, its share of the width, whether it holds numbers."""

    title: str
    share: float = 1.0
    numbers: bool = False


class Table(msgspec.Struct, frozen=True, tag="table"):
    """A table with a caption; the first cell of a row names it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


class Worked(msgspec.Struct, frozen=True, tag="worked"):
    """How a number follows from others, a line a step."""

    title: str
    steps: tuple[str, ...]


Block = Text | Items | Facts | Table | Worked


class Section(msgspec.Struct, frozen=True):
    """A section with its heading; `level` 1 or 2; `wide`: on pages turned on their side."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 1
    wide: bool = False


class Document(msgspec.Struct, frozen=True):
    """A whole document; `running` stands on every page, `at` is its date (UTC)."""

    title: str
    subtitle: str
    id: str
    at: str
    running: str
    cover: Facts
    sections: tuple[Section, ...]


def column(title: str, share: float = 1.0) -> Column:
    """A column of text."""
    return Column(title, share)


def numbers(title: str, share: float = 1.0) -> Column:
    """A column of numbers."""
    return Column(title, share, True)


def table(
    caption: str, columns: Iterable[Column], rows: Iterable[Sequence[str]], note: str = ""
) -> Table:
    """A table of what can be counted out only once."""
    return Table(caption, tuple(columns), tuple(tuple(row) for row in rows), note)


def shown(value: float | None) -> str:
    """A number with four significant digits; a dash where there is none.

    >>> shown(-0.25), shown(1234.56), shown(None)
    ('−0.25', '1235', '–')
    """
    return NONE if value is None else number(value).replace("-", "−")


def limits(value: float | None, lower: float | None, upper: float | None) -> str:
    """An estimate with its limits.

    >>> limits(2.0, 1.0, 4.0), limits(2.0, None, None), limits(2.0, 1.0, None)
    ('2 (1 to 4)', '2', '2 (from 1)')
    """
    if lower is None:
        return shown(value)
    if upper is None:
        return f"{shown(value)} (from {shown(lower)})"
    return f"{shown(value)} ({shown(lower)} to {shown(upper)})"


def count(value: int | None) -> str:
    """A whole number, thousands apart by a thin space.

    >>> count(1234567)
    '1\\u202f234\\u202f567'
    """
    return NONE if value is None else f"{value:,}".replace(",", "\u202f")


def share(n: int, of: int) -> str:
    """A count with its share.

    >>> share(1, 3), share(0, 0)
    ('1 (33.3 %)', '0')
    """
    return f"{count(n)} ({100 * n / of:.1f} %)" if of else count(n)


def e_value(log_e: float) -> str:
    """An e-value from its logarithm; large ones as powers of ten.

    >>> e_value(0.0), e_value(5.68), e_value(30.0)
    ('1', '292.9', '1.1 × 10^13')
    """
    if log_e <= log(1e6):
        return shown(exp(log_e))
    power = int(log_e / log(10))
    return f"{exp(log_e - power * log(10)):.1f} × 10^{power}"


def words(name: str) -> str:
    """An identifier as words.

    >>> words("other_medically_important")
    'other medically important'
    """
    return name.replace("_", " ")


def event_name(name: str) -> str:
    """An event for people: a group of terms says that it is one.

    >>> event_name("group:urinary"), event_name("Cystitis")
    ('urinary (group of terms)', 'Cystitis')
    """
    return f"{words(name[6:])} (group of terms)" if name.startswith("group:") else name
