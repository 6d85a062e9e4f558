"""Negative controls that ship with the package, and reference outcomes as preferred terms."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.errors import InputError

KETAMINES = frozenset({"ketamine", "esketamine"})  # products that are a set of their own


@dataclass(frozen=True, slots=True)
class NegativeControl:
    """An event that a set of products is not believed to cause.

    `sets` are those it is a control for; `because` says why it is none for the others.
    """

    event: str
    reason: str
    sets: frozenset[str]
    because: str = ""


def negative_controls(
    products: str | None = None, text: str | None = None
) -> tuple[NegativeControl, ...]:
    """The negative controls of one set of products, or all of them.

    The sets are ketamine, esketamine, antidepressants, anaesthetics, lithium; `text` is a user's
    own TOML in place of the shipped one. InputError `unknown_set` for another set, `bad_controls`
    for a text that is no such list.

    >>> control = negative_controls("lithium")[0]
    >>> control.event, control.reason
    ('Onychomycosis', 'fungal infection of the nail, caught from surroundings and slow over months')
    """
    given = _shipped("negative_controls.toml") if text is None else text
    try:
        data = tomllib.loads(given)
        sets = frozenset(data["sets"])
        controls = tuple(_control(entry, sets) for entry in data["control"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("bad_controls", f"not a list of negative controls: {error!r}") from error
    events = [control.event.casefold() for control in controls]
    if len(set(events)) < len(events):
        raise InputError("bad_controls", "an event stands twice among the negative controls")
    if products is None:
        return controls
    if products not in sets:
        raise InputError("unknown_set", f"{products!r} is none of {', '.join(sorted(sets))}")
    return tuple(control for control in controls if products in control.sets)


def controls_for(
    product: str, controls: tuple[NegativeControl, ...]
) -> tuple[NegativeControl, ...]:
    """Those of some controls that are none of a product's own effects, by its name.

    A product that is no set of its own (another ketamine) takes what is a control for all of them.

    >>> all_of_them = negative_controls()
    >>> len(controls_for("esketamine", all_of_them)) >= len(controls_for("tiletamine", all_of_them))
    True
    """
    asked = {product} if product in KETAMINES else KETAMINES
    return tuple(control for control in controls if asked <= control.sets)


def reference_outcomes() -> dict[str, tuple[str, ...]]:
    """For each outcome of the public reference sets, by its name there, its preferred terms.

    >>> reference_outcomes()["Nightmares"]
    ('Nightmare', 'Abnormal dreams')
    """
    data = tomllib.loads(_shipped("reference_outcomes.toml"))["outcomes"]
    return {name: tuple(terms) for name, terms in data.items()}


@cache
def _shipped(name: str) -> str:
    return files("detectors.calibration").joinpath(name).read_text(encoding="utf-8")


def _control(entry: dict[str, Any], sets: frozenset[str]) -> NegativeControl:
    excepted = frozenset(entry.get("except", ()))
    event, reason, because = (entry.get(key, "") for key in ("event", "reason", "because"))
    if not event or not reason:
        raise ValueError(f"a control without event or reason: {entry}")
    if not excepted <= sets:
        raise ValueError(f"{event}: {', '.join(sorted(excepted - sets))} is no set")
    if bool(excepted) != bool(because):
        raise ValueError(f"{event}: an exception needs a reason")
    return NegativeControl(event, reason, sets - excepted, because)
