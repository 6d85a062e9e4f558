"""Parts of the population: by sex, age band, route, setting, phase, indication, region."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from detectors.cases import UNKNOWN, Bools, Cases, Column, Counts, two_by_two
from detectors.disproportionality.method import Floats, floats
from detectors.disproportionality.ror import ror
from schemas.errors import InputError

# (n, n_product, n_event, n_total)
Table: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]

ALL = "all"
AGE_EDGES = (18.0, 65.0)
AGE_BANDS = ("children", "adults", "old")


class Ratio(NamedTuple):
    """A ratio of two reporting odds ratios, and its limits."""

    estimate: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True)
class Subgroup:
    """A part of the population, as one product sees it.

    `exposed` are the product's cases in it, `others` the cases without the product in it. For an
    attribute of products (a route) a case is exposed in it where the *product* was given so, and
    one of the others where any of its products was.
    """

    name: str
    exposed: Bools
    others: Bools


def subgroups(
    cases: Cases, product: int, columns: Iterable[str] | None = None
) -> tuple[Subgroup, ...]:
    """The whole population, then a part for each value of each column.

    Without `columns`, all that the cases have. Cases of which an attribute is not known are in
    none of its parts. InputError `unknown_column` where the cases have no such column.

    >>> cases = Cases.listed([[0], [1], [0]], [[5]] * 3, {"sex": Column.of(["f", "m", None])})
    >>> [(s.name, int(s.exposed.sum()), int(s.others.sum())) for s in subgroups(cases, 0)]
    [('all', 2, 1), ('sex=f', 1, 0), ('sex=m', 0, 1)]
    """
    having = cases.having_product(product)
    without = cases.counted & ~having
    parts = [Subgroup(ALL, having, without)]
    for column in (*cases.by_case, *cases.by_product) if columns is None else columns:
        for code, value in enumerate(_column(cases, column).names):
            name = f"{column}={value}"
            if column in cases.by_case:
                inside = cases.by_case[column].code == code
                parts.append(Subgroup(name, having & inside, without & inside))
            else:
                exposed = cases.having_product_by(column, code, product)
                others = cases.having_product_by(column, code) & without
                parts.append(Subgroup(name, exposed, others))
    return tuple(parts)


def age_bands(years: npt.ArrayLike, edges: tuple[float, ...] = AGE_EDGES) -> Column:
    """Ages in years as bands from edge to edge, the lower one included; NaN is unknown.

    By default children (under 18), adults, and the old (65 and over).

    >>> band = age_bands([17.9, 18, 64, 65, float("nan")])
    >>> [band.names[code] if code >= 0 else None for code in band.code]
    ['children', 'adults', 'adults', 'old', None]
    """
    age = floats(years)
    code = np.where(np.isnan(age), UNKNOWN, np.digitize(age, edges))
    if edges == AGE_EDGES:
        return Column(code, AGE_BANDS)
    bounds = [f"{edge:g}" for edge in edges]
    inner = [f"{low} to {high}" for low, high in pairwise(bounds)]
    return Column(code, (f"under {bounds[0]}", *inner, f"{bounds[-1]} and over"))


def relative_ror(inside: Table, outside: Table, level: float = 0.95) -> Ratio:
    """ROR in one part of the population over the ROR in the rest.

        RR = ROR_in / ROR_out
        limits = RR exp(+-z sqrt(sum of 1/a + 1/b + 1/c + 1/d of both parts))

    Source: the relative ROR of children and of the old of EudraVigilance's electronic reaction
    monitoring report (its text not seen: which limits it prints is not verified); the limits are
    Woolf's for two independent tables, Altman, Bland, BMJ 2003;326:219. Each part is (n,
    n_product, n_event, n_total) in reports, of one shape; the result is a ratio without unit. NaN
    where either ROR is 0 or has no value; in the limits where any cell is 0.
    Verified against a regression with an interaction: `tests/detectors/test_subgroups.py`.

    >>> [round(float(x), 4) for x in relative_ror((20, 100, 120, 10_100), (5, 50, 200, 5_050))]
    [9.0398, 3.089, 26.4548]
    """
    part, rest = ror(*inside, level=level), ror(*outside, level=level)
    both = (part.estimate > 0) & (rest.estimate > 0)
    log = np.log(np.where(both, part.estimate, 1)) - np.log(np.where(both, rest.estimate, 1))
    widths = [
        np.log(np.where(both, r.upper, np.nan) / np.where(both, r.estimate, 1))
        for r in (part, rest)
    ]
    width = np.hypot(*widths)
    estimate = np.where(both, np.exp(log), np.nan)
    return Ratio(estimate, estimate * np.exp(-width), estimate * np.exp(width))


def part_and_rest(
    cases: Cases, product: int, event: int, column: str, value: str
) -> tuple[Counts, Counts]:
    """Counts of a pair in one part of the population and in the rest of known attribute.

    The children's against those of everybody else whose age is known, say: what `relative_ror`
    takes. InputError `unknown_column` for a column that is not one of cases, `unknown_value` for a
    value that the column cannot have.

    >>> bands = {"age": age_bands([9, 9, 30, 70])}
    >>> part_and_rest(Cases.listed([[0], [1], [0], [1]], [[5]] * 4, bands), 0, 5, "age", "children")
    ((1, 1, 2, 2), (1, 1, 2, 2))
    """
    if column not in cases.by_case:
        raise InputError("unknown_column", f"the cases have no column {column!r}")
    held = cases.by_case[column]
    if value not in held.names:
        raise InputError("unknown_value", f"{column} is never {value!r}")
    having, with_event = cases.having_product(product), cases.having_event(event)
    without = cases.counted & ~having
    part = held.code == held.names.index(value)
    rest = ~part & (held.code != UNKNOWN)
    inside, outside = (two_by_two(having & p, without & p, with_event) for p in (part, rest))
    return inside, outside


def _column(cases: Cases, name: str) -> Column:
    found = cases.by_case.get(name) or cases.by_product.get(name)
    if found is None:
        raise InputError("unknown_column", f"the cases have no column {name!r}")
    return found
