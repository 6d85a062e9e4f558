"""A document as PDF, tagged for accessibility (PDF/UA-1) and made to be kept (PDF/A-2a).

Typst sets it: one wheel without system libraries, with its own fonts. Dates and ids inside the
file come from the document, so that the same document has the same bytes.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pikepdf
import typst

from dashboards.reports.document import Document

_TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
STANDARDS = ["a-2a", "ua-1"]
_WORD = re.compile(r"\S+")
_CELL, _LINE = 13, 80  # letters of a word that fit in a cell, in a line
_AFTER = re.compile(r"([/_.:;,@=-])(?=\S)")
_BREAK = "\u200b"
# what the fonts that come with the program can show, beside Latin, Greek and Cyrillic
_SHOWN = frozenset("\u202f\u2009\u200b–—‘’“”…•−×÷±√∞≈≠≤≥½→←·Σψ²³¹⁻")


def as_pdf(document: Document) -> bytes:
    """The PDF.

    A character that the fonts cannot show stands as its number, `[U+6F22]`; HTML, JSON and CSV have
    it as it is.
    """
    at = datetime.fromisoformat(document.at)
    content: dict[str, Any] = _printable(msgspec.to_builtins(document), _LINE)
    content["date"] = [at.year, at.month, at.day, at.hour, at.minute, at.second]
    given = {"document": msgspec.json.encode(content).decode()}
    made = _compiler().compile(
        _TEMPLATE.read_bytes(),
        sys_inputs=given,
        format="pdf",
        pdf_standards=STANDARDS,  # type: ignore[arg-type]
        timestamp=int(at.timestamp()),
    )
    assert isinstance(made, bytes)
    return _packed(made)


def _packed(made: bytes) -> bytes:
    """The same objects in compressed streams: the tags of a table take two thirds of the file."""
    out = BytesIO()
    with pikepdf.open(BytesIO(made)) as opened:
        opened.save(
            out,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
            fix_metadata_version=False,
        )
    return out.getvalue()


@cache
def _compiler() -> typst.Compiler:
    # the fonts of a machine would make the bytes depend on it
    return typst.Compiler(root=str(_TEMPLATE.parent), ignore_system_fonts=True)


def _printable(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return printable(value, longest)
    if isinstance(value, dict):
        cells = _CELL if value.get("type") == "table" else longest
        return {name: _printable(one, cells) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(one, longest) for one in value]
    return value


def printable(text: str, longest: int) -> str:
    """A text of which every character can be shown, and every longer word can be broken.

    >>> printable("a 漢 b", 14)
    'a [U+6F22] b'
    >>> printable("two_sample_late_rates", 14).count("\u200b"), printable("a_b", 14)
    (3, 'a_b')
    """
    plain = "".join(char if _can_be_shown(char) else f"[U+{ord(char):04X}]" for char in text)
    return _WORD.sub(lambda word: word[0] if len(word[0]) <= longest else _broken(word[0]), plain)


def _can_be_shown(char: str) -> bool:
    code = ord(char)
    return (
        0x20 <= code < 0x7F
        or 0xA0 <= code < 0x180
        or char in _SHOWN
        or (0x391 <= code <= 0x3C9 and code != 0x3A2)
        or 0x410 <= code < 0x450
    )


def _broken(word: str) -> str:
    """A word with places at which a line may end: after signs, and at every twelve letters."""
    parts = _AFTER.sub(rf"\1{_BREAK}", word).split(_BREAK)
    return _BREAK.join(
        part[start : start + 12] for part in parts for start in range(0, max(len(part), 1), 12)
    )
