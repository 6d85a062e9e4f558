"""Figures of the cases as plain data. Counts are numbers of cases; what has no value is null."""

from __future__ import annotations

from math import isnan
from typing import Any

import msgspec
import numpy as np


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: immutable, fields by name, fields that are not known refused."""


class Cells(Struct, frozen=True):
    """The 2x2 table: product and event, product alone, event alone, neither; and its margins."""

    a: int
    b: int
    c: int
    d: int
    n_product: int
    n_event: int
    n_total: int


class Part(Struct, frozen=True):
    """The pair against one set of comparators, in one part of the population.

    `dominant`: without the reports of the product's commonest other event.
    """

    comparator: str
    subgroup: str
    without: str
    n: int
    n_product: int
    n_event: int
    n_total: int
    prr: float | None
    prr_lower: float | None
    prr_upper: float | None
    ic: float | None
    ic025: float | None
    ic975: float | None


class Relative(Struct, frozen=True):
    """The ROR in a part of the population over that in the rest, with limits."""

    part: str
    inside: Cells
    outside: Cells
    ratio: float | None
    lower: float | None
    upper: float | None


class Masker(Struct, frozen=True):
    """A product (or an own event) whose reports hide the pair, and the PRR without them."""

    name: str
    n: int
    ratio: float | None
    prr: float | None


class Masking(Struct, frozen=True):
    """The pair's PRR as it is and without the products that hide it; own events that compete."""

    before: float | None
    after: float | None
    n_event: int
    n_total: int
    removed: tuple[str, ...]
    products: tuple[Masker, ...]
    events: tuple[Masker, ...]


class Onset(Struct, frozen=True):
    """Days from the product's start to the onset, and the Weibull fit to them."""

    n: int
    left_out: int
    minimum: int | None
    median: float | None
    maximum: int | None
    days: tuple[int, ...]
    shape: float | None
    shape_lower: float | None
    shape_upper: float | None
    scale: float | None
    scale_lower: float | None
    scale_upper: float | None
    reading: str


class Line(Struct, frozen=True):
    """One case of the line listing, as its newest version said; no pseudonym, no narrative.

    `erased`: the patient had the record erased since; what it counts as stays.
    """

    sender: str
    report_id: str
    version: int | None
    received_at: str
    report_type: str
    country: str
    reporter: str
    age_years: float | None
    sex: str
    role: str
    dose_mg: float | None
    route: str
    setting: str
    phase: str
    started_at: str
    onset_at: str
    latency_days: int | None
    terms: tuple[str, ...]
    serious: bool
    seriousness: tuple[str, ...]
    outcome: str
    dechallenge: str
    rechallenge: str
    other_suspects: tuple[str, ...]
    concomitants: tuple[str, ...]
    erased: bool


class Count(Struct, frozen=True):
    """A value with how many cases have it: of the pair, of the product without the event, and of
    all others of the dataset."""

    value: str
    pair: int
    product: int
    others: int


class Tabulation(Struct, frozen=True):
    """Cases by one characteristic; `several`: a case may stand in more than one row."""

    name: str
    title: str
    several: bool
    rows: tuple[Count, ...]


class Features(Struct, frozen=True):
    """Cases of the pair that weigh in an assessment, by what they say of themselves."""

    cases: int
    serious: int
    fatal: int
    professional: int
    positive_dechallenge: int
    positive_rechallenge: int
    with_time_to_onset: int
    single_suspect: int
    senders: int
    largest_sender: int


class Stated(Struct, frozen=True):
    """In how many cases of the pair a field was stated."""

    field: str
    n: int
    of: int


def cells(n: int, n_product: int, n_event: int, n_total: int) -> Cells:
    """A 2x2 table from a count, its margins and the total.

    >>> found = cells(8, 32, 40, 10_000)
    >>> found.a, found.b, found.c, found.d
    (8, 24, 32, 9936)
    """
    return Cells(
        a=n,
        b=n_product - n,
        c=n_event - n,
        d=n_total - n_product - n_event + n,
        n_product=n_product,
        n_event=n_event,
        n_total=n_total,
    )


def value(number: Any) -> Any:
    """A number of numpy as Python has it; None where it is not one."""
    if isinstance(number, np.integer):
        return int(number)
    return None if isnan(number) else float(number)
