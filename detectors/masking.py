"""Masking: what hides a pair. Other products' reports of the event, or the product's own events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.cases import Cases
from detectors.disproportionality.method import Floats, Integers, floats, ratio
from detectors.disproportionality.prr import prr

# fewer reports of the event with a product mask nothing that removing them could show
MINIMUM = 3
RATIO = 1.25


class Maskers(NamedTuple):
    """Products whose reports hide a pair, the worst first; arrays of one length.

    `n` are reports of the event with the masker and `n_masker` all of its reports, both without
    the pair's product; `ratio` is the masking ratio, `prr` what the pair's PRR becomes.
    """

    product: Integers
    n: Integers
    n_masker: Integers
    ratio: Floats
    prr: Floats


class Unmasked(NamedTuple):
    """A pair's PRR as reported and without the maskers, in the order of their removal."""

    maskers: Integers
    before: float
    after: float
    n_event: int
    n_total: int


class Competitors(NamedTuple):
    """The product's own events that hide a pair, the worst first; arrays of one length.

    `n` are the product's reports of the competing event, `prr` what the pair's PRR becomes without
    all reports of it, `ratio` that over the PRR as reported.
    """

    event: Integers
    n: Integers
    ratio: Floats
    prr: Floats


def masking_ratio(
    n: npt.ArrayLike, n_masker: npt.ArrayLike, n_event: npt.ArrayLike, n_total: npt.ArrayLike
) -> Floats:
    """How many times higher a pair would stand without a masking product's reports.

        MR = (n_event / n_total) / ((n_event - n) / (n_total - n_masker))

    with n the masker's reports of the event and n_masker all of them. Of all reports it is the
    rise of observed over expected for every product that shares no report with the masker; taken
    of the reports without the pair's product, as `maskers` does, it is exactly the rise of the
    pair's PRR. Above 1 the masker hides the event. Source: Juhlin, Ye, Star, Noren,
    Pharmacoepidemiol Drug Saf 2013;22:1119-29; Maignen et al., ibid. 2014;23:195-207. Counts are
    reports, of one shape (or broadcast); NaN where nothing of the event would be left, or no
    report at all.
    Verified against recounted tables: `tests/detectors/test_masking.py`.

    >>> round(float(masking_ratio(80, 1000, 100, 10_000)), 4)
    4.5
    """
    masker, event, total = floats(n_masker), floats(n_event), floats(n_total)
    return ratio(event * (total - masker), total * (event - floats(n)))


def maskers(
    cases: Cases,
    product: int,
    event: int,
    among: Integers | None = None,
    minimum: int = MINIMUM,
) -> Maskers:
    """Every product that hides a pair, by its masking ratio.

    Those of `among` (all products unless given) with at least `minimum` reports of the event
    without the pair's product, and a masking ratio above 1. Reports of the pair's product stay,
    those that also name the masker too: only the background changes.

    >>> cases = Cases.listed([[0]] * 10 + [[1]] * 10 + [[2]] * 80, [[5]] + [[6]] * 9
    ...     + [[5]] * 8 + [[6]] * 2 + [[5]] + [[6]] * 79)
    >>> found = maskers(cases, 0, 5)
    >>> found.product.tolist(), found.ratio.round(3).tolist(), found.prr.round(3).tolist()
    ([1], [8.0], [8.0])
    """
    having, with_event = cases.having_product(product), cases.having_event(event)
    background = cases.counted & ~having
    n, n_masker = cases.products_of(background & with_event), cases.products_of(background)
    n_event, n_total = int((background & with_event).sum()), int(background.sum())
    mr = masking_ratio(n, n_masker, n_event, n_total)
    chosen = (n >= minimum) & (mr > 1)
    if among is not None:
        chosen &= np.isin(np.arange(len(n)), among)
    found = np.flatnonzero(chosen)
    found = found[np.argsort(-mr[found], kind="stable")]
    a, exposed = int((having & with_event).sum()), int(having.sum())
    after = prr(a, exposed, a + n_event - n[found], exposed + n_total - n_masker[found]).estimate
    return Maskers(found, n[found], n_masker[found], mr[found], after)


def unmasked(
    cases: Cases,
    product: int,
    event: int,
    among: Integers | None = None,
    *,
    above: float = RATIO,
    most: int = 5,
    minimum: int = MINIMUM,
) -> Unmasked:
    """Take the worst masker out, look again, and so on.

    At most `most` of them, each with a ratio > `above`, a threshold of ours. A masker that carries
    all other reports of the event cannot be taken out: nothing would be left to compare with.

    >>> cases = Cases.listed([[0]] * 10 + [[1]] * 10 + [[2]] * 80, [[5]] + [[6]] * 9
    ...     + [[5]] * 8 + [[6]] * 2 + [[5]] + [[6]] * 79)
    >>> unmasked(cases, 0, 5)
    Unmasked(maskers=array([1]), before=1.0, after=8.0, n_event=2, n_total=90)
    """
    having = cases.having_product(product)
    left, gone = cases, list[int]()
    while len(gone) < most:
        found = maskers(left, product, event, among, minimum)
        if not len(found.product) or found.ratio[0] <= above:
            break
        gone.append(int(found.product[0]))
        left = left.within(having | ~left.having_product(gone[-1]))
    before, after = _prr(cases, product, event), _prr(left, product, event)
    counts = int(left.having_event(event).sum()), int(left.counted.sum())
    return Unmasked(np.array(gone, dtype=np.int64), before, after, *counts)


def competitors(
    cases: Cases,
    product: int,
    event: int,
    terms: Integers | None = None,
    minimum: int = MINIMUM,
) -> Competitors:
    """The product's own events without whose reports the pair would stand higher.

        ratio = PRR of the pair among the reports without the competing event / PRR as reported

    An event that fills most of a product's reports lowers the share of every other. Those of
    `terms` (all events unless given; name them where events have groups that contain them) with at
    least `minimum` reports of the product, a ratio above 1, and reports left on both sides.
    Source: Salvo et al., Drug Saf 2013;36:565-72 (competition bias by events).
    Verified against recounted tables: `tests/detectors/test_masking.py`.

    >>> cases = Cases.listed([[0]] * 10 + [[1]] * 90, [[7]] * 8 + [[5]] * 2
    ...     + [[5]] * 9 + [[6]] * 81)
    >>> found = competitors(cases, 0, 5)
    >>> found.event.tolist(), found.ratio.tolist(), found.prr.tolist()
    ([7], [5.0], [10.0])
    """
    having, with_event = cases.having_product(product), cases.having_event(event)
    without = cases.counted & ~having
    n, exposed, c, others = (
        cases.events_of(group)
        for group in (having & with_event, having, without & with_event, without)
    )
    size = [int(g.sum()) for g in (having & with_event, having, without & with_event, without)]
    a, b = size[0] - n, size[1] - exposed
    after = prr(a, b, a + size[2] - c, b + size[3] - others).estimate
    before = prr(size[0], size[1], size[0] + size[2], size[1] + size[3]).estimate
    rise = ratio(after, np.broadcast_to(before, after.shape))
    # the two sides of an event that changes nothing differ by rounding
    chosen = (exposed >= minimum) & (rise > 1 + 1e-12)
    if terms is not None:
        chosen &= np.isin(np.arange(len(n)), terms)
    found = np.flatnonzero(chosen)
    found = found[np.argsort(-rise[found], kind="stable")]
    return Competitors(found, exposed[found], rise[found], after[found])


def _prr(cases: Cases, product: int, event: int) -> float:
    having, with_event = cases.having_product(product), cases.having_event(event)
    counts = (having & with_event).sum(), having.sum(), with_event.sum(), cases.counted.sum()
    return float(prr(*counts).estimate)
