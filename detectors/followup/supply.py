"""What a patient has in hand: supplies that still run, doses by the plan, who hands them out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from detectors.followup.beginning import Mark


class Fill(msgspec.Struct, frozen=True, array_like=True):
    """A supply handed out: its product, its day, for how many days, the record."""

    product: str
    day: int
    supply: float
    record: str

    def until(self, share: float) -> float:
        """The day on which this share of it is used as planned."""
        return self.day + share * self.supply


def latest(fills: tuple[Fill, ...], product: str, day: int, share: float) -> Fill | None:
    """Of the earlier fills of a product, the one of which this share is used last.

    Only if that day is still to come. What is handed out on one day is one supply, in however
    many packages.

    >>> fills = (Fill("ketamine", 100, 30, "a"), Fill("ketamine", 110, 7, "b"))
    >>> latest(fills, "ketamine", 125, 0.85)  # 85 % of a are used on day 125.5
    Fill(product='ketamine', day=100, supply=30, record='a')
    >>> latest(fills, "ketamine", 126, 0.85) is None
    True
    """
    running = [
        fill for fill in fills if fill.product == product and fill.day < day < fill.until(share)
    ]
    return max(running, key=lambda fill: fill.until(share), default=None)


def still_matter(fills: tuple[Fill, ...], day: int, share: float) -> tuple[Fill, ...]:
    """The fills that `latest` can still answer with, for this share or for all: two a product.

    >>> a, b, c = (Fill("k", 100, n, r) for n, r in ((30, "a"), (7, "b"), (28, "c")))
    >>> [fill.record for fill in still_matter((a, b, c), 100, 0.85)]
    ['a']
    >>> still_matter((a, b, c), 130, 0.85)
    ()
    """
    out: dict[Fill, None] = {}
    for product in dict.fromkeys(fill.product for fill in fills):
        mine = [fill for fill in fills if fill.product == product and fill.until(1) > day]
        for part in (share, 1):
            if mine:
                out[max(mine, key=lambda fill: fill.until(part))] = None
    return tuple(sorted(out, key=lambda fill: (fill.day, fill.record)))


class Stock(msgspec.Struct, frozen=True, array_like=True):
    """Doses in hand on a day, if they are taken as planned, and the fills that they are of."""

    doses: float = 0.0
    day: int = 0
    records: tuple[str, ...] = ()

    def on(self, day: int, interval_days: float) -> Stock:
        """What is left on a later day, one dose an interval.

        >>> Stock(12, 100, ("a",)).on(128, 3.5)
        Stock(doses=4.0, day=128, records=('a',))
        """
        left = max(0.0, self.doses - (day - self.day) / interval_days)
        return Stock(left, day, self.records if left else ())

    def less(self, doses: float) -> Stock:
        """After some were lost."""
        left = max(0.0, self.doses - doses)
        return Stock(left, self.day, self.records if left else ())

    def more(self, doses: float, record: str, most: int = 6) -> Stock:
        """After some were handed out; it remembers the newest fills alone."""
        return Stock(self.doses + doses, self.day, (*self.records, record)[-most:])


def seen(
    marks: Mapping[str, Mark], name: str | None, mark: Mark, days: int, most: int
) -> dict[str, Mark]:
    """Who was seen in the window that ends with this mark, each on the last day, the newest first.

    >>> known = {"d1": Mark(0.0, 100, "a"), "d2": Mark(0.0, 200, "b")}
    >>> list(seen(known, "d3", Mark(0.0, 281, "c"), 180, 5))
    ['d3', 'd2']
    """
    out = {} if name is None else {name: mark}
    for other, last in marks.items():
        if other != name and mark.day - last.day <= days and len(out) < most:
            out[other] = last
    return out


def with_dose(lowest: tuple[Mark, ...], dose: Mark, days: int, most: int = 8) -> tuple[Mark, ...]:
    """The doses of a window that are lower than all after them; the first is the lowest of all.

    Of more than `most` different doses the one before the last goes.

    >>> doses = (Mark(56, 100, "a"), Mark(84, 120, "b"))
    >>> [mark.record for mark in with_dose(doses, Mark(56, 130, "c"), 90)]
    ['c']
    >>> [mark.record for mark in with_dose(doses, Mark(90, 191, "c"), 90)]
    ['b', 'c']
    """
    out = [mark for mark in lowest if dose.day - mark.day <= days and mark.value < dose.value]
    if len(out) == most:
        del out[-1]
    return (*out, dose)
