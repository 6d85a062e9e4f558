"""JSON documents of files: one, a list, the `results` of an answer, or one a line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import msgspec

from schemas.errors import Fault
from schemas.formats.json_file import elements, elements_of
from schemas.formats.lines import Readable, head, lines, opened
from schemas.formats.source import TOO_LONG
from schemas.record import MAX_BYTES

_BOM = b"\xef\xbb\xbf"
HEAD = 1 << 16


class _Answer(msgspec.Struct):
    results: list[msgspec.Raw]


def documents(path: Path) -> Iterator[tuple[int, bytes]]:
    """Place from 1 and bytes of each document; of lines, the number of the line.

    Only lines are read one by one. `InputError` ("malformed_json") where the file is none.
    """
    if by_line(path):
        with opened(path) as file:
            yield from _lines(file)
    else:
        yield from enumerate(_results(elements(path)), 1)


def documents_of(content: bytes, name: Path) -> Iterator[tuple[int, bytes]]:
    """The same of bytes that are not in a file."""
    if _is_by_line(content[:HEAD]):
        yield from _lines(io.BytesIO(content))
    else:
        yield from enumerate(_results(elements_of(content, name)), 1)


def by_line(path: Path) -> bool:
    """Whether the first line is a whole object and more lines follow."""
    return _is_by_line(head(path, HEAD))


def _is_by_line(beginning: bytes) -> bool:
    first, _, rest = beginning.removeprefix(_BOM).lstrip().partition(b"\n")
    return bool(rest.strip()) and isinstance(decoded(first), dict)


def _lines(file: Readable) -> Iterator[tuple[int, bytes]]:
    for number, line in lines(file):
        raw = line.removeprefix(_BOM) if number == 1 else line
        raw = raw if len(raw) > MAX_BYTES else raw.strip()
        if raw:
            yield number, raw


def _results(found: list[bytes]) -> list[bytes]:
    """Those of an answer where there is one document and it is one."""
    if len(found) != 1:
        return found
    try:
        answer = msgspec.json.decode(found[0], type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return found
    return [bytes(raw) for raw in answer.results]


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
