"""What is not as ICH E2B(R3) has it, told by the table of data elements and the rules on top of it.

Reading is not as strict: a report of which only the model's own fields are in order is one. These
checks say what a receiver could object to in a message that is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from schemas.errors import Fault
from schemas.formats.icsr import Null, Values
from schemas.formats.icsr.elements import Element, elements
from schemas.formats.icsr.moments import from_ts
from schemas.formats.icsr.outline import Node, outline

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_PAIRS = (
    ("D.2.2a", "D.2.2b"),
    ("D.3", "D.3b"),
    ("D.4", "D.4b"),
    ("E.i.2.1b", "E.i.2.1a"),
    ("E.i.6a", "E.i.6b"),
    ("F.r.2.2b", "F.r.2.2a"),
    ("G.k.4.r.1a", "G.k.4.r.1b"),
    ("G.k.4.r.2", "G.k.4.r.3"),
    ("G.k.4.r.6a", "G.k.4.r.6b"),
    ("G.k.7.r.2b", "G.k.7.r.2a"),
    ("C.1.11.1", "C.1.11.2"),
)


def faults(values: Values) -> list[Fault]:
    """Every fault of a message, under the number of its data element, with its place from 1.

    Codes: `missing`, `not_permitted`, `wrong_type`, `too_long`, `not_a_date`, `too_imprecise`,
    `wrong_count`, `inconsistent`.
    """
    return [*_of_group("message", values, ""), *_rules(values)]


def batch_faults(values: Values) -> list[Fault]:
    """Every fault of the elements of a batch."""
    return list(_of_group("", values, ""))


@cache
def _grouped() -> dict[str, list[str]]:
    """The data elements and groups that each group holds, those of the batch under ""."""
    found: dict[str, list[str]] = {"": []}

    def visit(node: Node, group: str) -> None:
        if node.group:
            found[group].append(f"*{node.group}")
            group = node.group
            found[group] = []
        found[group] += [*node.slots.values(), *([node.text] if node.text else [])]
        for child in node.children:
            visit(child, group)

    visit(outline("e2b_r3"), "")
    return {group: list(dict.fromkeys(names)) for group, names in found.items()}


def _of_group(group: str, values: Values, place: str) -> Iterator[Fault]:
    for name in _grouped()[group]:
        if name.startswith("*") and name != "*message":
            for number, one in enumerate(values.get(name[1:], ()), 1):
                yield from _of_group(name[1:], one, f"{place}[{number}]")
        element = elements().get(name)
        if element and (wrong := _of_value(element, values.get(name))):
            yield Fault(wrong[0], f"{name}{place}", wrong[1])
    for one, other in _PAIRS:
        if (one in values) != (other in values) and one in _grouped()[group]:
            missing = other if one in values else one
            yield Fault("missing", f"{missing}{place}", f"{one} and {other} go together")


def _of_value(element: Element, value: Any) -> tuple[str, str] | None:
    """The code of what is wrong with a value, and words for it."""
    if value is None:
        return ("missing", "required") if element.required else None
    if isinstance(value, Null):
        wrong = value not in element.nulls
        return ("not_permitted", f"null flavour {value} is not permitted") if wrong else None
    if element.kind == "TS":
        if from_ts(value)[0] is None:
            return "not_a_date", "no moment"
        precise = len(re.split("[+.-]", value)[0]) >= element.size
        return None if precise else ("too_imprecise", f"{element.size} digits at least")
    if element.kind == "BL":
        permitted = element.codes or ("true", "false")
        return None if value in permitted else ("not_permitted", "not " + " or ".join(permitted))
    if element.codes and value not in element.codes:
        return "not_permitted", f"not one of {', '.join(element.codes)}"
    if element.kind == "ID":
        return None
    if len(value) > element.size:
        return "too_long", f"{element.size} characters at the most"
    if element.kind == "N" and not _NUMBER.fullmatch(value):
        return "wrong_type", "no number"
    if element.kind == "A" and not element.codes and not (value.isalpha() and value.isupper()):
        return "wrong_type", "not in letters"
    return None


def _rules(values: Values) -> Iterator[Fault]:
    primary = [one for one in values.get("C.2.r", ()) if one.get("C.2.r.5") == "1"]
    if len(primary) != 1:
        yield Fault("wrong_count", "C.2.r.5", "exactly one source is the primary one")
    for one in primary:
        for number in ("C.2.r.3", "C.2.r.4"):
            if number not in one:
                yield Fault("missing", number, "required of the primary source")
    if values.get("N.2.r.4") != values.get("C.1.2"):
        yield Fault("inconsistent", "N.2.r.4", "the same as C.1.2")
    if values.get("C.1.3") == "2" and "C.5.4" not in values:
        yield Fault("missing", "C.5.4", "required of a report from a study")
    if (values.get("C.1.9.1") == "true") != bool(values.get("C.1.9.1.r")):
        yield Fault("inconsistent", "C.1.9.1", "true where there are other ids, and only there")
    roles = [role.get("G.k.1") for role in values.get("role", ())]
    if not {"1", "3", "4"} & set(roles):
        yield Fault("wrong_count", "G.k.1", "at least one drug is suspect or interacting")
    if len(roles) != len(values.get("G.k", ())):
        yield Fault("wrong_count", "G.k.1", "each drug has one role")
    for name in ("E.i", "G.k"):
        if not values.get(name):
            yield Fault("wrong_count", name, "at least one")
    for place, test in enumerate(values.get("F.r", ()), 1):
        if not any(number.startswith("F.r.3.") for number in test):
            yield Fault("missing", f"F.r.3.4[{place}]", "a test has a result")
        measured = any(f"F.r.3.2{side}" in test for side in ("", ".low", ".high"))
        if measured != ("F.r.3.3" in test):
            missing = "F.r.3.3" if measured else "F.r.3.2"
            yield Fault("missing", f"{missing}[{place}]", "F.r.3.2 and F.r.3.3 go together")
        if "F.r.1" not in test:
            yield Fault("missing", f"F.r.1[{place}]", "a test has a date, or UNK")
