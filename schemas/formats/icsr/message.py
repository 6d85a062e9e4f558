"""Reads an XML message into values, as its outline says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from xml.etree.ElementTree import Element

from schemas.formats.icsr import Null, Values
from schemas.formats.icsr.outline import Node, outline

_Key = tuple[str | None, ...]
_Spec = tuple[tuple[tuple[str, ...], str], ...]  # of each path its tags and, if any, an attribute
_NAMED = 80


@dataclass(slots=True)
class Place:
    """A node as it is read: its slots by attribute, the code system of its code, its children.

    Where all that is read of a node is in one descendant, `path` leads to it and the rest is of it.
    """

    path: tuple[str, ...] = ()
    slots: dict[str, str] = field(default_factory=dict)
    system: str | None = None
    text: str | None = None
    group: str | None = None
    children: dict[str, _Branch] = field(default_factory=dict)


@dataclass(slots=True)
class _Branch:
    """The nodes of one tag: those that stand alone, as one, and those told apart by a key."""

    plain: Place | None = None
    keyed: dict[_Spec, dict[_Key, Place]] = field(default_factory=dict)


@cache
def places(name: str, namespace: str) -> tuple[Place, Place]:
    """Of an outline what is read of the batch, and what of each of its messages."""
    prefix = f"{{{namespace}}}" if namespace else ""
    root = outline(name)
    (message,) = (child for child in root.children if child.group == "message")
    batch, each = Place(), Place()
    _add(batch, (child for child in root.children if child is not message), prefix)
    _add(each, message.children, prefix)
    _shorten(batch)
    _shorten(each)
    return batch, each


def _add(place: Place, nodes: Iterable[Node], prefix: str) -> None:
    for node in nodes:
        if not node.holds:
            continue
        branch = place.children.setdefault(prefix + node.tag, _Branch())
        if node.keys:
            spec = tuple(_step(path, prefix) for path in node.keys)
            found = branch.keyed.setdefault(spec, {}).setdefault(node.key(), Place())
        else:
            found = branch.plain = branch.plain or Place()
        found.slots |= node.slots
        found.text = node.text or found.text
        found.group = node.group
        if "code" in node.slots:
            found.system = node.fixed.get("codeSystem")
        _add(found, node.children, prefix)


def _shorten(place: Place) -> None:
    """Leave out what only leads to its one child, all through the tree."""
    for branch in place.children.values():
        for by_key in branch.keyed.values():
            for each in by_key.values():
                _shorten(each)
        if branch.plain:
            _shorten(branch.plain)
    while len(place.children) == 1 and not place.slots and place.text is None:
        ((tag, branch),) = place.children.items()
        child = branch.plain
        if child is None or branch.keyed or child.group:
            return
        place.path = (*place.path, tag, *child.path)
        place.slots, place.system, place.text = child.slots, child.system, child.text
        place.children = child.children


def _step(path: str, prefix: str) -> tuple[tuple[str, ...], str]:
    tags, _, attribute = path.partition("@")
    return tuple(prefix + tag for tag in tags.split("/") if tag), attribute


def read(element: Element, place: Place, unknown: Counter[str]) -> Values:
    """The values of an element. A code of another system than the outline names, and what the
    outline tells apart by code and does not know, is counted in `unknown`."""
    values: Values = {}
    _read(element, place, values, unknown)
    return values


def _read(element: Element, place: Place, values: Values, unknown: Counter[str]) -> None:
    for tag in place.path:
        found = element.find(tag)
        if found is None:
            return
        element = found
    null = element.get("nullFlavor")
    for attribute, number in place.slots.items():
        value = element.get(attribute)
        if value is not None and (value := value.strip()):
            if attribute == "code" and place.system and _other(element, place.system):
                unknown[f"{number}: {value}@{element.get('codeSystem')}"[:_NAMED]] += 1
            else:
                values.setdefault(number, value)
        elif null is not None:
            values.setdefault(number, Null(null))
            break
    if place.text is not None:
        text = "".join(element.itertext()) if len(element) else element.text
        if text and not text.isspace():
            values.setdefault(place.text, text)
        elif null is not None:
            values.setdefault(place.text, Null(null))
    children = place.children
    if not children:
        return
    for child in element:
        branch = children.get(child.tag)
        if branch is None:
            continue
        inside = _told_apart(child, branch, unknown) if branch.keyed else branch.plain
        if inside is None:
            continue
        if inside.group is None:
            _read(child, inside, values, unknown)
            continue
        group: Values = {}
        _read(child, inside, group, unknown)
        if group:
            values.setdefault(inside.group, []).append(group)


def _other(element: Element, system: str) -> bool:
    """Whether the code is of another system; one that names none is taken to be of this one."""
    return element.get("codeSystem", system).strip() != system


def _told_apart(child: Element, branch: _Branch, unknown: Counter[str]) -> Place | None:
    missed: _Key | None = None
    for spec, by_key in branch.keyed.items():
        key = _key(child, spec)
        if key is None:
            continue
        place = by_key.get(key) or by_key.get((None, *key[1:]))
        if place is not None:
            return place
        if len(key) > 1:
            missed = key
    if branch.plain is None and missed is not None:
        tag = child.tag.rpartition("}")[2]
        unknown[f"{tag} {missed[0]}@{missed[1]}: not read"[:_NAMED]] += 1
    return branch.plain


def _key(element: Element, spec: _Spec) -> _Key | None:
    """What tells an element from others of its tag; None where it has nothing of that kind."""
    key: _Key = ()
    for tags, attribute in spec:
        found = element
        for tag in tags:
            inner = found.find(tag)
            if inner is None:
                return None
            found = inner
        if attribute:
            key += (found.get(attribute),)
        else:
            key += (found.get("code") or found.get("nullFlavor"), found.get("codeSystem"))
    return key
