"""The vocabulary's files: their form, reading them, and adding a user's own."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import msgspec

from schemas.errors import InputError

T = TypeVar("T", bound=msgspec.Struct)

ROUTES = (
    "intravenous",
    "intranasal",
    "oral",
    "sublingual",
    "intramuscular",
    "subcutaneous",
    "rectal",
)


class Substance(msgspec.Struct, forbid_unknown_fields=True, rename={"kind": "class"}):
    """A substance, its class, and every name it goes by."""

    name: str
    kind: str | None = None
    names: list[str] = []


class Group(msgspec.Struct, forbid_unknown_fields=True):
    """The terms of an event group by scope."""

    narrow: list[str] = []
    broad: list[str] = []
    context: list[str] = []


class Data(msgspec.Struct, forbid_unknown_fields=True):
    """Everything a vocabulary file may hold; all parts are optional."""

    substance: list[Substance] = []
    noise: list[str] = []
    terms: list[str] = []
    capitals: list[str] = []
    groups: dict[str, Group] = {}
    synonyms: dict[str, str] = {}
    routes: dict[str, list[str]] = {}


class Products(msgspec.Struct, forbid_unknown_fields=True):
    """The file of a watchlist."""

    products: list[str]


class Events(msgspec.Struct, forbid_unknown_fields=True):
    """The file of the events reviewed from the first case."""

    events: list[str]


class Label(msgspec.Struct, forbid_unknown_fields=True):
    """What one label lists, and for which routes (none given: for all)."""

    product: str
    title: str
    date: str
    source: str
    terms: list[str]
    routes: list[str] = []


class Listed(msgspec.Struct, forbid_unknown_fields=True):
    """The file of the labels."""

    version: str
    label: list[Label] = []


def read(path: Path, form: type[T], what: str) -> T:
    """A TOML file as `form`; `InputError` ("no_such_file", "vocabulary_invalid")."""
    try:
        return decode(path.read_bytes(), form, f"{what} {path.name}")
    except OSError as error:
        raise InputError(
            "no_such_file", f"the {what} {path.name} cannot be read: {error.strerror}"
        ) from None


def decode(content: bytes, form: type[T], what: str) -> T:
    """TOML as `form`; `InputError` ("vocabulary_invalid") where it is not."""
    try:
        return msgspec.toml.decode(content, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("vocabulary_invalid", f"the {what} is not valid: {error}") from None


def shipped(name: str) -> bytes:
    """A data file of this package."""
    return (files(__package__) / "data" / name).read_bytes()


@cache
def base() -> Data:
    """What ships with ketavigil."""
    products = decode(shipped("products.toml"), Data, "products.toml")
    events = decode(shipped("events.toml"), Data, "events.toml")
    routes = msgspec.toml.decode(shipped("routes.toml"), type=dict[str, list[str]])
    return merged(merged(products, events), Data(routes=routes))


def merged(first: Data, second: Data) -> Data:
    """Both; a substance, group or route of the same name takes the names of both."""
    substances = {s.name: Substance(s.name, s.kind, list(s.names)) for s in first.substance}
    for s in second.substance:
        held = substances.setdefault(s.name, Substance(s.name, s.kind))
        held.kind = s.kind or held.kind
        held.names = [*held.names, *s.names]
    groups = dict(first.groups)
    for name, group in second.groups.items():
        known = groups.get(name, Group())
        groups[name] = Group(
            known.narrow + group.narrow,
            known.broad + group.broad,
            known.context + group.context,
        )
    routes = dict(first.routes)
    for route, names in second.routes.items():
        if route not in (*ROUTES, "other", "none"):
            raise InputError(
                "vocabulary_invalid",
                f"{route!r} is no route; one of {', '.join(ROUTES)}, other, none",
            )
        routes[route] = routes.get(route, []) + names
    return Data(
        list(substances.values()),
        first.noise + second.noise,
        first.terms + second.terms,
        first.capitals + second.capitals,
        groups,
        first.synonyms | second.synonyms,
        routes,
    )
