"""Dated reports as looks: one a day, each report on the day it became known and not before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.contents import Contents, Held
from detectors.disproportionality.method import Integers
from detectors.sequential import two_sample

NEVER = np.iinfo(np.int64).max


class Days(NamedTuple):
    """The days (ordinals) on which anything became known, and their looks, (days, 1)."""

    day: Integers
    look: two_sample.Look


class Reached(NamedTuple):
    """The first day whose look reached the bar, and the pair's reports by then."""

    day: int
    n: int


def days(contents: Contents, product: int, event: int) -> Days:
    """A product's reports beside all others of the dataset, by the day they became known.

    A case enters once for each day on which it brought news: on its first with what it then held,
    on a later one as one more report that carries only what is new. It stands on the product's side
    once it names the product; a pair is new on the later of its two days. `contents` are those of
    one dataset, the codes those of its casebook.

    >>> from detectors.casebook import Casebook, CaseContent
    >>> cases = [("A", 1, "x", 1), ("A", 1, "y", 1), ("B", 1, "x", 1), ("A", 1, "x", 3)]
    >>> book = Casebook.of((i, 1, CaseContent("s", ((p, d),), ((e, f),)))
    ...     for i, (p, d, e, f) in enumerate(cases))
    >>> found = days(book.contents().within(0), 0, 0)
    >>> found.day.tolist(), [column[:, 0].tolist() for column in found.look]
    ([1, 3], [[1.0, 1.0], [3.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    """
    size = len(contents.dataset)
    case = np.concatenate([contents.products.case, contents.events.case])
    news = np.concatenate([contents.products.day, contents.events.day])
    entry = np.unique(np.stack([news, case]), axis=1)
    day, of = entry[0], entry[1]
    with_product, with_event = (
        _first(held, code, size)[of]
        for held, code in ((contents.products, product), (contents.events, event))
    )
    own = with_product <= day
    known = np.where(own, np.maximum(with_product, with_event), with_event)
    found, place = np.unique(day, return_inverse=True)
    columns = (own & (known == day), own, ~own & (known == day), ~own)
    look = two_sample.Look(
        *(np.bincount(place[rows], minlength=len(found)).astype(float)[:, None] for rows in columns)
    )
    return Days(found, look)


def reached(
    of: Days, log_needed: float, parameters: two_sample.Parameters = two_sample.DEFAULT
) -> Reached | None:
    """The first day on which the two-sample e-process reached what is needed; None: on none.

    Its looks are closed ones: what a later day brings changes none of them.

    >>> look = two_sample.Look(*(np.full((4, 1), x) for x in (5.0, 20.0, 10.0, 2000.0)))
    >>> reached(Days(np.arange(730_000, 730_004), look), np.log(20))
    Reached(day=730001, n=10)
    """
    if not len(of.day):
        return None
    sup = two_sample.batch(1, of.look, parameters).log_e_sup[:, 0]
    if sup[-1] < log_needed:
        return None
    first = int(np.argmax(sup >= log_needed))
    return Reached(int(of.day[first]), int(of.look.n[: first + 1].sum()))


def _first(held: Held, code: int, size: int) -> Integers:
    """For each case the day on which it first held the code."""
    day = np.full(size, NEVER)
    rows = held.code == code
    np.minimum.at(day, held.case[rows], held.day[rows])
    return day
