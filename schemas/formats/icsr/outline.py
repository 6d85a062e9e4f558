"""Outlines: where each data element stands in an XML message; `*.outline` says how to read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

OWN = "2.25.333406068895202282141129930180557659890"  # a UUID as OID, of name ketavigil
_ICH = "2.16.840.1.113883.3.989.2.1."
_ROOTS = {
    "MEDDRA": "2.16.840.1.113883.6.163",
    "ISO": "1.0.3166.1.2.2",
    "K.": OWN,
    **{f"{list_}.{n}": f"{_ICH}{list_}.{n}" for list_ in (1, 3) for n in range(1, 40)},
}
_IDENTIFYING = ("code", "codeSystem", "root", "nullFlavor")


@dataclass(slots=True)
class Node:
    """An XML element of a message.

    `fixed` and `slots` are its attributes: with the value, or with the number of the data element
    that is their value; `text` is the one that is its text. `keys` are the paths that tell it from
    others of its tag, `group` the group that it begins. `holds` says whether a data element is in
    it; what holds none is written wherever it stands, what is `always` written even where empty.
    """

    tag: str
    fixed: dict[str, str] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    keys: tuple[str, ...] = ()
    group: str | None = None
    read_only: bool = False
    always: bool = False
    holds: bool = False
    children: list[Node] = field(default_factory=list)

    def numbers(self) -> Iterator[str]:
        """The data elements in it, groups included."""
        yield from self.slots.values()
        if self.text:
            yield self.text
        for child in self.children:
            yield from child.numbers()

    def key(self) -> tuple[str | None, ...]:
        """What the elements and attributes at `keys` are where they are fixed, else None."""
        return tuple(part for path in self.keys for part in self._key(path))

    def _key(self, path: str) -> tuple[str | None, ...]:
        path, _, attribute = path.partition("@")
        node = self
        for tag in path.split("/") if path else ():
            node = next(child for child in node.children if child.tag == tag)
        if attribute:
            return (node.fixed.get(attribute),)
        return node.fixed.get("code") or node.fixed.get("nullFlavor"), node.fixed.get("codeSystem")


@cache
def outline(name: str) -> Node:
    """The outline of a message.

    >>> outline("e2b_r3").children[0].slots
    {'extension': 'N.1.2'}
    """
    content = (files(__package__) / f"{name}.outline").read_text(encoding="utf-8")
    open_nodes: list[Node] = []
    for line in content.splitlines():
        if line.startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip(" "))) // 2
        node = _node(line.split())
        del open_nodes[depth:]
        if open_nodes:
            open_nodes[-1].children.append(node)
        open_nodes.append(node)
    _note(open_nodes[0])
    return open_nodes[0]


def _note(node: Node) -> None:
    for child in node.children:
        _note(child)
    node.holds = next(node.numbers(), None) is not None


def _node(words: list[str]) -> Node:
    node = Node(words[0].removeprefix("<"), read_only=words[0].startswith("<"))
    for word in words[1:]:
        if word == "!":
            node.always = True
        elif word.startswith("*"):
            node.group = word[1:]
        elif word.startswith("?"):
            node.keys = (*node.keys, word[1:])
        elif word.startswith("{"):
            node.text = word[1:-1]
        else:
            name, _, value = word.partition("=")
            if value.startswith("{"):
                node.slots[name] = value[1:-1]
            else:
                node.fixed[name] = _ROOTS.get(value, value) if name in _IDENTIFYING else value
    return node
