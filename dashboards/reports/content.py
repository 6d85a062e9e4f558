"""A report as JSON, and the hash over it: the same bytes for the same content."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

from schemas.errors import InputError

_Sealed = TypeVar("_Sealed", bound=msgspec.Struct)


def sealed(report: _Sealed) -> _Sealed:
    """The report with the hash of its content in `sha256`."""
    return msgspec.structs.replace(report, sha256=digest(msgspec.to_builtins(report)))


def digest(content: dict[str, Any]) -> str:
    """SHA-256 (hex) over the content as JSON, keys sorted, without its own field `sha256`.

    >>> digest({"b": 1, "a": 2.5, "sha256": "x"}) == hashlib.sha256(b'{"a":2.5,"b":1}').hexdigest()
    True
    """
    bare = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def hash_of(data: bytes) -> str:
    """SHA-256 (hex) over bytes."""
    return hashlib.sha256(data).hexdigest()


def as_json(report: msgspec.Struct) -> bytes:
    """The report as JSON, indented, in the order of its fields."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def read(data: bytes) -> dict[str, Any]:
    """The content of a JSON report; `InputError` ("bad_report") where it is none."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("bad_report", f"not the JSON of a report: {error}") from None
    if not isinstance(found, dict) or "sha256" not in found:
        raise InputError("bad_report", "not a report of this program: it has no sha256")
    return found


def leaves(content: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every value with its path, in order; what is empty is a value too.

    >>> leaves({"a": [{"b": 1}, {"b": 2}], "c": []})
    [('a[0].b', 1), ('a[1].b', 2), ('c', [])]
    """
    if isinstance(content, dict) and content:
        parts = ((f"{path}.{name}" if path else str(name), v) for name, v in content.items())
    elif isinstance(content, (list, tuple)) and content:
        parts = ((f"{path}[{i}]", v) for i, v in enumerate(content))
    else:
        return [(path, content)]
    return [leaf for name, value in parts for leaf in leaves(value, name)]
