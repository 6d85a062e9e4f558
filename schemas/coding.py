"""From a record's body to what counts: products, events, seriousness, dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from schemas.envelope import CodedEvent, CodedProduct
from schemas.vocabulary import Vocabulary

# a product that stands in a report more than once has the strongest of its roles
_STRENGTH = {"suspect": 0, "interacting": 1, "unknown": 2, "concomitant": 3}
_SOLICITED = frozenset({"solicited", "study"})


class Coding(NamedTuple):
    """What one version of a case counts as.

    `serious`: a reaction has a seriousness criterion or ended in death; `fatal`: one did.
    """

    products: tuple[CodedProduct, ...]
    events: tuple[CodedEvent, ...]
    serious: bool
    fatal: bool
    dataset: str

    @property
    def unknown_products(self) -> int:
        """Products that the vocabulary does not know."""
        return sum(not product.matched for product in self.products)

    @property
    def unknown_events(self) -> int:
        """Events that the vocabulary does not know."""
        return sum(not event.matched for event in self.events)


def code(vocabulary: Vocabulary, body: Mapping[str, Any], day: int) -> Coding:
    """Code a record: `body` is the canonical JSON of a report, decoded.

    One entry a coded product and one a coded event, in the order of the report. A product named
    twice has its strongest role (suspect, interacting, unknown, concomitant) with the first route
    and the first setting given beside that role, and a positive rechallenge if either has one.
    `day` (ordinal) is the day the case first held them.

    >>> body = {
    ...     "products": [{"name": "KETALAR", "role": "concomitant"}, {"name": "Ketamine"}],
    ...     "reactions": [{"term": "cystitis"}, {"term": "DEATH", "outcome": "fatal"}],
    ... }
    >>> coding = code(Vocabulary.load(), body, 730_000)
    >>> [(product.name, product.role) for product in coding.products]
    [('ketamine', 'unknown')]
    >>> [(event.name, event.groups) for event in coding.events]
    [('Cystitis', ('urinary',)), ('Death', ())]
    >>> coding.serious, coding.fatal, coding.dataset
    (True, True, 'spontaneous')
    """
    products: dict[str, CodedProduct] = {}
    again: set[str] = set()
    for product in body.get("products", ()):
        name, matched = vocabulary.product(product["name"])
        role = product.get("role", "unknown")
        route = vocabulary.route(product.get("route"))
        setting = product.get("setting") or ""
        if product.get("rechallenge") == "positive":
            again.add(name)
        held = products.get(name)
        if held is not None:
            if _STRENGTH[role] > _STRENGTH[held.role]:
                continue
            if role == held.role:
                route, setting = held.route or route, held.setting or setting
        products[name] = CodedProduct(name, role, day, route, setting, matched)
    for name in again:
        products[name] = msgspec.structs.replace(products[name], rechallenge=day)
    events: dict[str, CodedEvent] = {}
    serious = fatal = False
    for reaction in body.get("reactions", ()):
        name, matched = vocabulary.event(reaction["term"])
        criteria = reaction.get("seriousness") or ()
        died = reaction.get("outcome") == "fatal" or "death" in criteria
        known = events.get(name)
        if known is None or (died and not known.fatal):
            groups = vocabulary.groups_of(name)
            events[name] = CodedEvent(name, day, groups, matched, day if died else 0)
        serious = serious or bool(criteria)
        fatal = fatal or died
    return Coding(
        tuple(products.values()),
        tuple(events.values()),
        serious or fatal,
        fatal,
        "solicited" if body.get("report_type") in _SOLICITED else "spontaneous",
    )
