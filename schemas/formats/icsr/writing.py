"""Writes values as an XML message, as its outline says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from schemas.formats.icsr import Null, Values
from schemas.formats.icsr.outline import Node, outline

NAMESPACE = "urn:hl7-org:v3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
# what XML 1.0 has no way to write
_CONTROL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile('[&<>"\t\n\r]')
_IN_TEXT = re.compile("[&<>\r]")


def head(name: str, values: Values, left_out: Counter[str]) -> str:
    """A batch up to its first message."""
    root = outline(name)
    before = [child for child in _before(root) if not child.group]
    attributes = "".join(f' {key}="{value}"' for key, value in root.fixed.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root.tag} xmlns="{NAMESPACE}" '
        f'xmlns:xsi="{_XSI}"{attributes}>'
        + "".join(_written(child, values, left_out)[0] for child in before)
    )


def message(name: str, values: Values, left_out: Counter[str]) -> str:
    """One message. A character that XML cannot hold is replaced, and counted in `left_out`."""
    node = next(child for child in outline(name).children if child.group == "message")
    return _one(node, values, left_out)[0]


def tail(name: str, values: Values, left_out: Counter[str]) -> str:
    """A batch from after its last message on."""
    root = outline(name)
    after = root.children[len(list(_before(root))) + 1 :]
    return "".join(_written(child, values, left_out)[0] for child in after) + f"</{root.tag}>\n"


def _before(root: Node) -> Iterator[Node]:
    for child in root.children:
        if child.group == "message":
            return
        yield child


def _written(node: Node, values: Values, left_out: Counter[str]) -> tuple[str, bool]:
    """The element, or as many as its group has; and whether there is anything in it."""
    if node.read_only:
        return "", False
    if node.group is None:
        return _one(node, values, left_out)
    parts = [_one(node, one, left_out) for one in values.get(node.group, ())]
    return "".join(text for text, _ in parts), any(filled for _, filled in parts)


def _one(node: Node, values: Values, left_out: Counter[str]) -> tuple[str, bool]:
    """The element. Its first slot is its value; the others (unit, version) are only said of one."""
    slots = [(name, values[number]) for name, number in node.slots.items() if number in values]
    if slots and slots[0][0] != next(iter(node.slots)):
        slots = []
    text = values.get(node.text) if node.text else None
    null = next((v for v in (text, *(v for _, v in slots[:1])) if isinstance(v, Null)), None)
    children = [_written(child, values, left_out) for child in node.children]
    filled = bool(slots) or text is not None or any(filled for _, filled in children)
    if node.holds and not filled:
        if not node.always:
            return "", False
        null, children = Null("NI"), []
    fixed, stated = list(node.fixed.items()), slots
    if null is not None:
        # the code system of no code, and the unit of no number
        fixed, stated = [(name, value) for name, value in fixed if name != "codeSystem"], []
    written = [f'{name}="{value}"' for name, value in fixed]
    written += [f'{name}="{_escaped(value, left_out)}"' for name, value in stated]
    if null is not None:
        written.append(f'nullFlavor="{null}"')
    inside = "" if text is None or null is not None else _escaped(text, left_out, _IN_TEXT)
    inside += "".join(part for part, _ in children)
    start = " ".join([node.tag, *written])
    return (f"<{start}>{inside}</{node.tag}>" if inside else f"<{start}/>"), filled


@cache
def _named(character: str) -> str:
    return f"&#{ord(character)};"


def _escaped(value: str, left_out: Counter[str], special: re.Pattern[str] = _SPECIAL) -> str:
    if not value.isprintable():
        value, count = _CONTROL.subn("\ufffd", value)
        if count:
            left_out["character that XML cannot hold: replaced"] += count
    return special.sub(lambda match: _named(match[0]), value)
