"""`json`: one record in our own schema, or a list of them; senders and versions as in `ndjson`.

The file is held in memory as a whole; for large ones use `ndjson`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from schemas.errors import InputError
from schemas.formats.lines import opened
from schemas.formats.ndjson import record_of
from schemas.formats.source import Source, SourceRecord

_BOM = b"\xef\xbb\xbf"


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file, exactly as they stand in it; `where` counts them from 1."""
    for number, raw in enumerate(elements(source.path), 1):
        yield record_of(source, raw, source.where(number))


def elements(path: Path) -> list[bytes]:
    """The JSON of each record; `InputError` ("malformed_json") where the file is none."""
    with opened(path) as file:
        return elements_of(file.read(), path)


def elements_of(content: bytes, path: Path) -> list[bytes]:
    """The same of bytes that have been read; `path` is what they are called."""
    content = content.removeprefix(_BOM).strip()
    try:
        if content.startswith(b"["):
            return [bytes(raw) for raw in msgspec.json.decode(content, type=list[msgspec.Raw])]
        msgspec.json.decode(content, type=msgspec.Raw)
    except RecursionError:
        raise InputError("malformed_json", f"{path} is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("malformed_json", f"{path} is no JSON: {error}") from None
    return [content]
