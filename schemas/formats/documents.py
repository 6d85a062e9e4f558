"""JSON documents of files: one, a list, the `results` of an answer, or one a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from schemas.errors import Fault
from schemas.formats.json_file import elements
from schemas.formats.lines import head, lines, opened
from schemas.formats.source import TOO_LONG
from schemas.record import MAX_BYTES

_BOM = b"\xef\xbb\xbf"


class _Answer(msgspec.Struct):
    results: list[msgspec.Raw]


def documents(path: Path) -> Iterator[tuple[int, bytes]]:
    """Place from 1 and bytes of each document; of lines, the number of the line.

    Only lines are read one by one. `InputError` ("malformed_json") where the file is none.
    """
    if by_line(path):
        with opened(path) as file:
            for number, line in lines(file):
                raw = line.removeprefix(_BOM) if number == 1 else line
                raw = raw if len(raw) > MAX_BYTES else raw.strip()
                if raw:
                    yield number, raw
        return
    found = elements(path)
    if len(found) == 1:
        try:
            answer = msgspec.json.decode(found[0], type=_Answer)
            found = [bytes(raw) for raw in answer.results]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    yield from enumerate(found, 1)


def by_line(path: Path) -> bool:
    """Whether the first line is a whole object and more lines follow."""
    text = head(path).removeprefix(_BOM).lstrip()
    first, _, rest = text.partition(b"\n")
    return bool(rest.strip()) and isinstance(decoded(first), dict)


def check(path: Path) -> None:
    """Raise `InputError` where the file is no JSON at all."""
    if not by_line(path):
        elements(path)


def decoded(raw: bytes) -> object:
    """The document, or the `Fault` why it is none."""
    if len(raw) > MAX_BYTES:
        return TOO_LONG
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        return Fault("too_deep", "", "nested too deep")
    except UnicodeDecodeError:
        return Fault("wrong_encoding", "", "not UTF-8; send UTF-8")
    except msgspec.DecodeError as error:
        return Fault("malformed_json", "", str(error))
