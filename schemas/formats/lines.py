"""Lines of files that may be packed, damaged, badly encoded or far too long."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

from schemas.errors import InputError
from schemas.record import MAX_BYTES

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, BadZipFile)
_CONTROL = dict.fromkeys(c for c in range(32) if chr(c) not in "\t\r\n")


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


@contextmanager
def opened(path: Path) -> Iterator[Readable]:
    """The bytes of a file, unpacked where it is gzip, by its content and not its name.

    `InputError` ("no_such_file", "damaged_file"), the latter at any time while it is read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError("no_such_file", f"{path}: {error.strerror or error}") from None
    with file:
        try:
            packed = file.peek(2)[:2] == _GZIP
            if packed:
                with gzip.open(file) as unpacked:
                    yield unpacked
            else:
                yield file
        except _DAMAGE as error:
            raise InputError("damaged_file", f"{path} is damaged: {error}") from None
        except OSError as error:
            raise InputError("no_such_file", f"{path}: {error.strerror or error}") from None


def head(path: Path, size: int = 1 << 16) -> bytes:
    """The first bytes of a file, unpacked; `InputError` ("empty_file") where there are none."""
    with opened(path) as file:
        found = file.read(size)
    if not found.strip():
        raise InputError("empty_file", f"{path} is empty")
    if found[:2] in _UTF16:
        raise InputError("wrong_encoding", f"{path} is UTF-16; send UTF-8")
    return found


def lines(file: Readable) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of each line; one that is too long is cut one byte past 1 MiB."""
    number = 0
    rest = b""
    while chunk := file.read(_CHUNK):
        parts = chunk.split(b"\n")
        parts[0] = rest + parts[0]
        rest = parts.pop()[: MAX_BYTES + 1]
        for part in parts:
            number += 1
            yield number, part if len(part) <= MAX_BYTES else part[: MAX_BYTES + 1]
    if rest:
        yield number + 1, rest


def decoded(raw: bytes, unknown: Counter[str]) -> str:
    """The text of a line: UTF-8, else windows-1252; control characters but tabs are taken out."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        unknown["encoding: read as windows-1252"] += 1
        text = raw.decode("cp1252", errors="replace")
    if not text.isprintable():
        cleaned = text.translate(_CONTROL)
        if cleaned != text:
            unknown["control characters: taken out"] += 1
        return cleaned
    return text
