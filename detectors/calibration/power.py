"""Power: the smallest rate ratio that could have been seen by now."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv

from detectors.calibration.permutation import Flag
from detectors.disproportionality.method import Floats, floats, ratio
from detectors.disproportionality.table import PairTable
from detectors.sequential.power import crossings, performance

# counts tried for every pair at once
BLOCK = 64
# times the exposure so far, up to which a rule is followed, and how closely
LONGEST, PRECISION = 1e4, 1e-3


def detectable(
    critical_count: npt.ArrayLike, expected: npt.ArrayLike, power: float = 0.8
) -> Floats:
    """Smallest rate ratio at which a Poisson count reaches a critical one with given power.

        RR = G^-1(power; c) / E,  P(Poisson(RR E) >= c) = power

    where G is the gamma distribution function of shape c and unit scale. `critical_count` is the
    smallest count that signals, `expected` the count without an effect; they are of one shape. NaN
    where `expected` is 0 or there is no critical count (NaN). A pair without a signal says "no
    ratio of so much", never "no effect". Source: the relation of Poisson and gamma tails.
    Verified against Poisson probabilities: `tests/detectors/calibration/test_power.py`.

    >>> round(float(detectable(3, 1.2)), 3)
    3.566
    """
    c, e = np.broadcast_arrays(floats(critical_count), floats(expected))
    known = (c > 0) & (e > 0)
    mean = gammaincinv(np.where(known, c, 1.0), power)
    return ratio(np.where(known, mean, np.nan), np.where(known, e, 1.0))


def critical_counts(table: PairTable, flag: Flag) -> Floats:
    """The smallest count at which a rule would flag each pair, NaN where none does.

    The product's reports and all those without the product stay as they are: with n the event's
    reports change alike. Every count from 0 on is tried until one is flagged; `flag` must judge a
    row by its own counts.

    >>> table = PairTable.of(["A"], ["x"], n=[0], n_product=[9], n_event=[40], n_total=[400])
    >>> critical_counts(table, lambda rows: rows.n > rows.n_product * rows.n_event / rows.n_total)
    array([1.])
    """
    elsewhere = table.n_event - table.n
    out = np.full(len(table), np.nan)
    left = np.arange(len(table))
    first = 0
    while left.size:
        rows, n = np.repeat(left, BLOCK), np.tile(np.arange(first, first + BLOCK), len(left))
        possible = n <= table.n_product[rows]
        rows, n = rows[possible], n[possible]
        chosen = table.rows(rows)
        flags = np.flatnonzero(
            flag(
                PairTable(
                    chosen.product,
                    chosen.event,
                    n,
                    chosen.n_product,
                    elsewhere[rows] + n,
                    chosen.n_total,
                )
            )
        )
        found, place = np.unique(rows[flags], return_index=True)
        out[found] = n[flags][place]
        first += BLOCK
        left = left[np.isnan(out[left]) & (table.n_product[left] >= first)]
    return out


def detectable_now(table: PairTable, flag: Flag, power: float = 0.8) -> Floats:
    """Smallest reporting ratio that a rule would by now have flagged with given power, by pair.

        RR = B^-1(power; c, n_product - c + 1) / q,  q = (n_event - n) / (n_total - n_product)

    where B is the beta distribution function: the binomial chance of c or more of the product's
    reports is `power` at a share of RR q. c is the rule's critical count at today's margins, q
    the event's share among all other reports. NaN where no count is flagged or q is 0. It needs
    no report of the pair, so it can be asked of those that were never reported.
    Verified against binomial probabilities: `tests/detectors/calibration/test_power.py`.

    >>> table = PairTable.of(["A"], ["x"], n=[1], n_product=[200], n_event=[41], n_total=[4_200])
    >>> detectable_now(table, lambda rows: rows.n >= 5).round(3)
    array([3.338])
    """
    c = critical_counts(table, flag)
    known = c > 0
    count = np.where(known, c, 1.0)
    rest = np.maximum(table.n_product - count + 1, 1.0)
    share = np.where(known, betaincinv(count, rest, power), np.nan)
    without = floats(table.n_total - table.n_product)
    return ratio(share * without, floats(table.n_event - table.n))


def first_flagged(
    table: PairTable, flag: Flag, times: float = 2.0, counts: int = 80
) -> list[tuple[float, float]]:
    """When a rule first flags each pair, if its reports are `times` as many: mean, and the chance.

    Time is in the exposure so far: at 1 the margins are those of the table. For each count k the
    latest time at which the rule flags k reports, all other counts having grown alike, is where
    k reports begin to be too few; the pair's reports are a Poisson process of mean `times` q t, q
    those to expect now, and the law of its first crossing is that of `sequential.power`. The mean
    is of those runs that are flagged by the time of `counts` reports, the chance is their share.
    NaN and 0 where no count is ever flagged. The rule looks all the time, and flags nothing that it
    would not flag once another product has a report of the event. Margins are rounded to
    whole reports. Verified by simulation: `tests/detectors/calibration/test_power.py`.

    >>> table = PairTable.of(["A"], ["x"], n=[0], n_product=[500], n_event=[40], n_total=[20_500])
    >>> ((mean, chance),) = first_flagged(table, lambda rows: rows.n >= 4)
    >>> round(mean, 3), round(chance, 3)  # the fourth report, of 2 a time
    (2.0, 1.0)
    """
    others, elsewhere = table.n_total - table.n_product, table.n_event - table.n
    rows = np.repeat(np.arange(len(table)), counts)

    def reached(n: Floats, time: Floats) -> npt.NDArray[np.bool_]:
        count = n.astype(np.int64)
        product, rest, event = (
            np.rint(time * margin[rows]).astype(np.int64)
            for margin in (table.n_product, others, elsewhere)
        )
        product = np.maximum(product, count)
        return flag(
            PairTable(
                table.product[rows],
                table.event[rows],
                count,
                product,
                event + count,
                product + np.maximum(rest, event),
            )
        )

    if not len(table):
        return []
    n = np.tile(np.arange(1.0, counts + 1), len(table))
    shortest = 1 / np.maximum(floats(elsewhere), 1)
    latest = crossings(reached, n, shortest[rows], LONGEST, PRECISION).reshape(len(table), counts)
    expected = ratio(floats(table.n_product * elsewhere), floats(others))
    out = []
    for mean, last in zip(expected.tolist(), np.maximum.accumulate(latest, axis=1), strict=True):
        ever = last > 0
        if not ever.any() or not mean > 0:
            out.append((float("nan"), 0.0))
            continue
        fewest = np.arange(1, counts + 1)[ever]
        found = performance(times, last[ever] * mean, fewest)
        out.append((found.to_signal / mean, found.power))
    return out
