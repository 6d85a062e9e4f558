"""`ketavigil formats`: every format that is read or written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from streams.cli.options import as_json


@click.command
@as_json
def command(as_json: bool) -> None:
    """List the formats: what each is, whether it is read, and whether it is written.

    `import`, `detect` and `convert` read all that are read here; `convert` writes.
    """
    from schemas.formats import FORMATS
    from schemas.formats.writers import ENDINGS, WRITERS

    rows = [
        {
            "format": name,
            "read": name in FORMATS,
            "written": name in WRITERS,
            "endings": [ending for ending, form in ENDINGS.items() if form == name],
            "what": _about(FORMATS.get(name) or WRITERS[name]),
        }
        for name in dict.fromkeys([*FORMATS, *WRITERS])
    ]
    print(json.dumps(rows) if as_json else "\n".join(_text(row) for row in rows))


def _about(function: Callable[..., Any]) -> str:
    """The first sentence about a format, which is that of its module."""
    about = (sys.modules[function.__module__].__doc__ or "").partition("\n\n")[0]
    return " ".join(about.split()).partition(": ")[2].rstrip(".")


def _text(row: dict[str, Any]) -> str:
    ways = " and ".join(way for way in ("read", "written") if row[way])
    return f"{row['format']:<12} {ways:<17} {row['what']}"
