"""The file of a family: which events are judged together, at which alpha, against which margin."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any

from detectors.coding import GROUP
from detectors.sequential.family import Family
from schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class Plan:
    """A fixed list of events, to be crossed with products; groups stand in it as `group:NAME`.

    `opened`: the day on which it was fixed.
    """

    name: str
    opened: str
    alpha: float
    margin: float
    events: tuple[str, ...]

    def over(self, products: Iterable[str], name: str | None = None) -> Family:
        """The family of some products with every event. InputError as `Family`.

        >>> print(read().over(["ketamine"], "one"))
        family one: 1 products x 18 events = 18 pairs, alpha 0.05; alone, a pair needs e >= 1258
        """
        return Family(name or self.name, tuple(sorted(products)), self.events, self.alpha)

    def digest(self) -> str:
        """SHA-256 (hex) over all of it."""
        content = (self.name, self.opened, self.alpha, self.margin, sorted(self.events))
        return hashlib.sha256(repr(content).encode()).hexdigest()


def read(text: str | None = None) -> Plan:
    """The plan of a TOML text; without one, that which ships with the package.

    Events are taken as they stand; see `coded`. InputError `bad_family`.

    >>> plan = read()
    >>> plan.alpha, plan.margin, len(plan.events)
    (0.05, 1.25, 18)
    """
    if text is None:
        text = files("detectors").joinpath("family.toml").read_text(encoding="utf-8")
    try:
        return _plan(**tomllib.loads(text))
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise InputError("bad_family", f"not a file of a family: {error}") from error


def coded(plan: Plan, terms: Mapping[str, str], groups: Iterable[str]) -> Plan:
    """The same with terms as coded (`terms`); InputError `bad_family` for an unknown group.

    >>> plan = Plan("p", "2026-01-01", 0.05, 1.25, ("SEIZURE", "group:urinary"))
    >>> coded(plan, {"SEIZURE": "Seizure"}, ["urinary"]).events
    ('Seizure', 'group:urinary')
    """
    known = {f"{GROUP}{group}" for group in groups}
    if unknown := sorted(e for e in plan.events if e.startswith(GROUP) and e not in known):
        raise InputError("bad_family", f"the family {plan.name}: no {', '.join(unknown)}")
    events = tuple(terms.get(event, event) for event in plan.events)
    return _checked(Plan(plan.name, plan.opened, plan.alpha, plan.margin, events))


def _plan(
    *,
    name: str,
    opened: Any,
    alpha: float,
    margin: float,
    events: list[str],
    groups: list[str] | None = None,
) -> Plan:
    listed = (*events, *(f"{GROUP}{group}" for group in groups or ()))
    day = date.fromisoformat(str(opened)).isoformat()
    return _checked(Plan(str(name), day, float(alpha), float(margin), listed))


def _checked(plan: Plan) -> Plan:
    if not 1 <= plan.margin < float("inf"):
        raise InputError("bad_family", f"the margin must be 1 or more, not {plan.margin}")
    try:
        Family(plan.name, ("any",), plan.events, plan.alpha)
    except InputError as error:
        raise InputError("bad_family", f"the family {plan.name}: {error}") from error
    return plan
