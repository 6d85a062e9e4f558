"""One pass over all cases: what is tabulated of them, and what the population is divided by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from dashboards.analysis.figures import Count, Tabulation
from dashboards.analysis.fold import Body, Case
from detectors.coding import COUNTED, base
from detectors.subgroups import AGE_BANDS, AGE_EDGES

NOT_STATED = "not stated"
GONE = "erased"  # what a patient had erased, in its place
_OF_CHANGES = frozenset({"route", "setting", "role"})  # stand in what is counted
PAIR, PRODUCT, OTHERS = range(3)  # the columns of a tabulation

_Values = Callable[[Case, Body], Iterable[str]]


class Survey:
    """Cases counted by each characteristic as they are read, so that none need be kept.

    `product`: whose role, route and setting are tabulated; of other cases those of the first
    product that counts. `ages` and `sexes` are of every case in the order in which it was read.
    """

    def __init__(self, product: str) -> None:
        self._received: tuple[str, str] = ("", "")
        self._characteristics = _characteristics(base(product))
        self._counted = [tuple(Counter[str]() for _ in range(3)) for _ in self._characteristics]

    def add(self, case: Case, body: Body, column: int | None) -> None:
        """Read a case; `column`: where it is tabulated, None where it does not count."""
        if column is None:
            return
        if not case.erased:
            day = body.get("received_at", "")[:10]
            first, last = self._received
            self._received = (min(first or day, day), max(last, day))
        for (name, _, _, values), counted in zip(self._characteristics, self._counted, strict=True):
            gone = case.erased and name not in _OF_CHANGES
            counted[column].update({GONE} if gone else set(values(case, body)) or {""})

    @property
    def received(self) -> tuple[str, str]:
        """The oldest and the newest date of receipt of what counts."""
        return self._received

    def tabulations(self) -> tuple[Tabulation, ...]:
        """Each characteristic over the cases of the pair, of the product, and all others."""
        return tuple(
            _tabulation(key, title, several, counted)
            for (key, title, several, _), counted in zip(
                self._characteristics, self._counted, strict=True
            )
        )


def _characteristics(name: str) -> tuple[tuple[str, str, bool, _Values], ...]:
    def given(case: Case, field: str) -> str:
        counted = [p for p in case.change.products if p.role in COUNTED]
        own = [p for p in counted if p.name == name] or counted
        return str(getattr(own[0], field)) if own else ""

    return (
        ("seriousness", "Seriousness criteria", True, _seriousness),
        ("outcome", "Outcome of reactions", True, lambda _, b: _all(b, "outcome")),
        ("age", "Age", False, lambda _, b: [_age(b)]),
        ("sex", "Sex", False, lambda _, b: [(b.get("patient") or {}).get("sex") or ""]),
        ("route", "Route", False, lambda c, _: [given(c, "route")]),
        ("setting", "Setting", False, lambda c, _: [given(c, "setting")]),
        ("role", "Role of the product", False, lambda c, _: [given(c, "role")]),
        ("reporter", "Reporter", False, lambda _, b: [b.get("reporter") or ""]),
        ("country", "Country", False, lambda _, b: [b.get("country") or ""]),
        ("received", "Year of receipt", False, lambda _, b: [b.get("received_at", "")[:4]]),
    )


def _tabulation(
    key: str, title: str, several: bool, counted: tuple[Counter[str], ...]
) -> Tabulation:
    names = {value for counts in counted for value in counts}
    order = sorted(names, key=lambda value: (_place(key, value), value))
    return Tabulation(
        name=key,
        title=title,
        several=several,
        rows=tuple(
            Count(
                value=value or NOT_STATED,
                pair=counted[PAIR][value],
                product=counted[PRODUCT][value],
                others=counted[OTHERS][value],
            )
            for value in order
        ),
    )


def _place(key: str, value: str) -> int:
    """Bands of age in their order; what is not stated last, not serious before it."""
    if not value or value in ("unknown", "not serious"):
        return 99 + (not value)
    if value == GONE:
        return 98
    return AGE_BANDS.index(value) if key == "age" else 0


def _seriousness(case: Case, body: Body) -> Iterable[str]:
    found = {s for r in body.get("reactions", ()) for s in r.get("seriousness", ())}
    if case.change.fatal:
        found.add("death")
    return found or ["not serious"]


def _all(body: Body, field: str) -> list[str]:
    return [r.get(field) or "" for r in body.get("reactions", ())]


def _age(body: Body) -> str:
    years = (body.get("patient") or {}).get("age_years")
    return "" if years is None else AGE_BANDS[(years >= AGE_EDGES[0]) + (years >= AGE_EDGES[1])]
