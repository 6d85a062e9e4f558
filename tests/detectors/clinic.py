"""Cases drawn at random, small enough to be counted one by one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from detectors.cases import Cases, Column

PRODUCTS, EVENTS = 4, 4
ROUTES = ("iv", "nasal", "oral")


@st.composite
def clinics(draw: st.DrawFn) -> Cases:
    """Up to 30 cases with products 0 to 3, events 0 to 3, sexes and routes, some not counted."""
    size = draw(st.integers(0, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def lists(codes: int) -> list[list[int]]:
        return [np.flatnonzero(rng.random(codes) < 0.4).tolist() for _ in range(size)]

    products = lists(PRODUCTS)
    route = Column(rng.integers(-1, len(ROUTES), sum(map(len, products))), ROUTES)
    sex = Column(rng.integers(-1, 2, size), ("f", "m"))
    cases = Cases.listed(products, lists(EVENTS), {"sex": sex}, {"route": route})
    return cases.within(rng.random(size) < 0.9)


class Told(NamedTuple):
    """One case in plain sets."""

    products: set[int]
    events: set[int]
    given: set[tuple[int, int]]
    sex: int


def told(cases: Cases) -> list[Told]:
    """The counted cases, for counting another way."""
    out = []
    for i in np.flatnonzero(cases.counted).tolist():
        mine = cases.products.case == i
        codes = cases.products.code[mine].tolist()
        routes = cases.by_product["route"].code[mine].tolist()
        events = set(cases.events.code[cases.events.case == i].tolist())
        sex = int(cases.by_case["sex"].code[i])
        out.append(Told(set(codes), events, set(zip(codes, routes, strict=True)), sex))
    return out
