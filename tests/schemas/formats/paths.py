"""A small reader of the paths that the reference writes down, independent of the outlines."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

_NS = "{urn:hl7-org:v3}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_ICH = "2.16.840.1.113883.3.989.2.1."
_SHORT = {"MEDDRA": "2.16.840.1.113883.6.163"}
_IE = "PORR_IN049016UV/controlActProcess/subject/investigationEvent"
_AEA = f"{_IE}/component/adverseEventAssessment"
_PR = f"{_AEA}/subject1/primaryRole"
_SA = f"{_PR}/subjectOf2/organizer[code[4@~1.20]]/component/substanceAdministration"
_STARTS = {
    "BATCH": "",
    "MSG": "PORR_IN049016UV",
    "IE": _IE,
    "AEA": _AEA,
    "PR": _PR,
    "RX": f"{_PR}/subjectOf2/observation[code[29@~1.19]]",
    "TST": f"{_PR}/subjectOf2/organizer[code[3@~1.20]]/component/observation",
    "SA": _SA,
    "DOS": f"{_SA}/outboundRelationship2[@typeCode='COMP']/substanceAdministration",
    "SRC": f"{_IE}/outboundRelationship[relatedInvestigation/code[2@~1.22]]",
}


def _steps(path: str) -> list[str]:
    """The steps of a path, which slashes within brackets do not part."""
    found, depth, step = [], 0, ""
    for character in path:
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(character, 0)
        if character == "/" and depth == 0:
            found.append(step)
            step = ""
        else:
            step += character
    return [*found, step]


def found_at(root: Element, path: str) -> list[str | None]:
    """The values at a path of the reference, in document order."""
    start, _, rest = path.partition("/")
    steps = [step for step in _steps(f"{_STARTS[start]}/{rest}") if step]
    nodes = [root]
    for step in steps[:-1]:
        nodes = [inner for node in nodes for inner in _children(node, step)]
    last = steps[-1]
    if last == "text()":
        return ["".join(node.itertext()) for node in nodes]
    if last.startswith("@"):
        return [node.get(last[1:]) for node in nodes]
    # the text of the last step itself
    return ["".join(inner.itertext()) for node in nodes for inner in _children(node, last)]


def _children(node: Element, step: str) -> list[Element]:
    match = re.match(r"([A-Za-z0-9_…]+)(?:\(([A-Z_]+)\))?(.*)$", step)
    assert match, step
    name, kind, predicates = match.groups()
    if name == "…":
        return list(node.iter())
    found = [child for child in node if child.tag == _NS + name]
    if kind:
        found = [child for child in found if child.get(_TYPE) in (kind, None)]
    for predicate in _predicates(predicates):
        found = [child for child in found if _holds(child, predicate)]
    return found


def _predicates(text: str) -> list[str]:
    found, depth, start = [], 0, 0
    for i, character in enumerate(text):
        if character == "[":
            if depth == 0:
                start = i + 1
            depth += 1
        elif character == "]":
            depth -= 1
            if depth == 0:
                found.append(text[start:i])
    return found


def _system(short: str) -> str:
    return _SHORT.get(short, _ICH + short[1:] if short.startswith("~") else short)


def _holds(element: Element, predicate: str) -> bool:
    if predicate == "r" or "UUID" in predicate:
        return True
    if match := re.fullmatch(r"@(\w+)='([^']*)'", predicate):
        return element.get(match[1]) == _system(match[2])
    if match := re.fullmatch(r"@([~\w.]+)", predicate):
        return element.get("codeSystem") == _system(match[1])
    if match := re.fullmatch(r"o(\d+)", predicate):
        return _holds(element, f"observation/code[{match[1]}@~1.19]")
    if match := re.fullmatch(r"(.*?)/?@nullFlavor='(\w+)'", predicate):
        return any(one.get("nullFlavor") == match[2] for one in _along(element, match[1]))
    if match := re.fullmatch(r"(.*)\[(\w+)@([~\w.]+)\]", predicate):
        wanted = (match[2], _system(match[3]))
        return any(
            (e.get("code"), e.get("codeSystem")) == wanted for e in _along(element, match[1])
        )
    if match := re.fullmatch(r"(.*code)\[@([~\w.]+)\]", predicate):
        system = _system(match[2])
        return any(e.get("codeSystem") == system for e in _along(element, match[1]))
    return any(True for _ in _along(element, predicate))


def _along(element: Element, path: str) -> list[Element]:
    nodes = [element]
    for name in path.split("/"):
        nodes = [child for node in nodes for child in node if child.tag == _NS + name]
    return nodes
