"""A page of every field of a report and of a follow-up record, made from the models."""

from __future__ import annotations

import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.followup import Followup
from schemas.report import Report
from schemas.times import Moment

_HEAD = """# Fields

Made from the models by `./dev docs`; do not edit. Names carry their units. A moment is an aware
datetime (`2025-07-03T10:15:00Z`) or a date as precise as it is known (`2025`, `2025-07`,
`2025-07-03`). A text has 1 to 250 characters, an identifier 1 to 100. Fields that are not listed
here are refused, those that can identify a person by name.
"""


def page() -> str:
    """The page, as Markdown."""
    parts = [_HEAD, "## Report", "", *_tables(Report, set())]
    kinds = get_args(get_args(Followup)[0])
    common = set.intersection(*(set(kind.model_fields) for kind in kinds)) - {"kind"}
    first = {name: info for name, info in kinds[0].model_fields.items() if name in common}
    parts += ["## Follow-up record", "", "`kind` says which of those below it is. All have:", ""]
    parts += _table(first)[0]
    for kind in kinds:
        name = get_args(kind.model_fields["kind"].annotation)[0]
        own = {k: info for k, info in kind.model_fields.items() if k not in (*common, "kind")}
        parts += [f"### kind = {name}", "", _doc(kind), ""]
        parts += _table(own)[0] if own else []
    return "\n".join(parts).rstrip() + "\n"


def _tables(model: type[BaseModel], seen: set[str]) -> list[str]:
    """The model's table and those of the models within it, each once."""
    table, inner = _table(model.model_fields)
    lines = [_doc(model), "", *table]
    for one in inner:
        if one.__name__ not in seen:
            seen.add(one.__name__)
            lines += [f"#### {one.__name__}", "", *_tables(one, seen)]
    return lines


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split(">>>")[0].split())


def _table(fields: dict[str, FieldInfo]) -> tuple[list[str], list[type[BaseModel]]]:
    lines = ["| field | type | required | note |", "|---|---|---|---|"]
    inner: list[type[BaseModel]] = []
    for name, info in fields.items():
        kind, found = _type(info.annotation, info.metadata)
        inner += found
        required = "yes" if info.is_required() else ""
        lines.append(f"| `{name}` | {kind} | {required} | {_note(info)} |")
    return [*lines, ""], inner


def _note(info: FieldInfo) -> str:
    default = "" if info.is_required() or info.default in (None, ()) else f"default {info.default}"
    return "; ".join(part for part in (info.description, default) if part)


def _type(kind: Any, metadata: list[Any]) -> tuple[str, list[type[BaseModel]]]:
    """A type in words, and the models in it."""
    bounds = _bounded_text(metadata)
    if kind is str and not bounds and any(getattr(one, "func", None) for one in metadata):
        return "moment", []
    if get_origin(kind) is Annotated:
        if kind == Moment:
            return "moment", []
        inner, *more = get_args(kind)
        return _type(inner, [*metadata, *more])
    if get_origin(kind) in (Union, UnionType):
        parts = [_type(one, metadata) for one in get_args(kind) if one is not NoneType]
        return " or ".join(part for part, _ in parts), [m for _, found in parts for m in found]
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind)), []
    if get_origin(kind) is tuple:
        inner, found = _type(get_args(kind)[0], [])
        return f"list of {inner}", found
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.__name__, [kind]
    names = {float: "number", int: "whole number", bool: "true or false", str: "text"}
    return " ".join([bounds or names[kind], *_bounds(metadata)]), []


def _bounded_text(metadata: list[Any]) -> str:
    for one in metadata:
        longest = getattr(one, "max_length", None)
        if getattr(one, "strip_whitespace", None) and longest:
            return "identifier" if longest == 100 else "text"
        if pattern := getattr(one, "pattern", None):
            return f"text like `{pattern}`"
    return ""


def _bounds(metadata: list[Any]) -> list[str]:
    return [
        f"{sign} {getattr(one, kind.__name__.lower())}"
        for item in metadata
        for one in getattr(item, "metadata", [item])
        for kind, sign in ((Ge, "≥"), (Gt, ">"), (Le, "≤"), (Lt, "<"))
        if isinstance(one, kind)
    ]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
