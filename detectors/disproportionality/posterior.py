"""The posterior of a pair's rate under the two-gamma prior, and its quantiles."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammainc, gammaincinv, gammaln

from detectors.disproportionality.gps import Prior, log_mass
from detectors.disproportionality.ic import distinct
from detectors.disproportionality.method import Floats, Integers

Flags = npt.NDArray[np.bool_]

STEPS = 100
# a step of this size, in standard deviations, leaves an error of about its cube
LAST_STEP = 3e-5
# a bracket as narrow as this is a value
NARROW = 1e-15
# between so many exact values on pieces of this width of log E the others are interpolated
WIDTH, NODES = 0.25, 12
# where the last terms of a piece are as small as this its values are as good as solved ones
SETTLED = 1e-13
# log E beyond which no start is interpolated
FAR = 200.0
# pairs from which each quantile has a thread of its own
SEVERAL = 10_000


class Component:
    """One gamma of the posterior; what depends on n alone is computed once for each n."""

    def __init__(
        self, values: Floats, row: Integers, expected: Floats, alpha: float, beta: float
    ) -> None:
        self.values, self.row = alpha + values, row
        self.rate = beta + expected
        self.log_mass = log_mass(values, row, expected, alpha, beta)

    @property
    def log_mean(self) -> Floats:
        """Expectation of the log rate."""
        mean: Floats = digamma(self.values)[self.row] - np.log(self.rate)
        return mean

    def parts(self, rows: Integers, p: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Of some rows: shape, rate, log Gamma(shape), log of where the distribution has p."""
        of, rate = self.row[rows], self.rate[rows]
        quantile: Floats = np.log(gammaincinv(self.values, p))[of] - np.log(rate)
        return self.values[of], rate, gammaln(self.values)[of], quantile


class Posterior:
    """Q Gamma(alpha1 + n, beta1 + E) + (1 - Q) Gamma(alpha2 + n, beta2 + E), of many pairs.

    `n` and `expected` are one-dimensional, of one length.
    """

    def __init__(self, n: Integers, expected: Floats, prior: Prior) -> None:
        self.n, self.expected, self.prior = n, expected, prior
        self.values, self.row = distinct(n)
        self.first, self.second = (
            Component(self.values, self.row, expected, alpha, beta)
            for alpha, beta in ((prior.alpha1, prior.beta1), (prior.alpha2, prior.beta2))
        )
        odds = np.log1p(-prior.p) - np.log(prior.p) + self.second.log_mass - self.first.log_mass
        self.weight: Floats = 1 / (1 + np.exp(np.clip(odds, -700, 700)))

    @property
    def log_mean(self) -> Floats:
        """Expectation of the log rate."""
        return self.weight * self.first.log_mean + (1 - self.weight) * self.second.log_mean

    def log_quantiles(self, tails: tuple[float, ...]) -> list[Floats]:
        """Where the distribution function is p, on the log scale, for each p of `tails`.

        Values are interpolated between exact ones of the same n at fixed places of log E. Where
        that is not exact they are the start of a search, which mostly needs one step. Either
        depends on n and E alone, not on the other pairs.
        """
        start = self._start()
        if len(self.n) < SEVERAL:
            return [self._solved(p, *start(p)) for p in tails]
        with ThreadPoolExecutor(len(tails)) as pool:
            return list(pool.map(lambda p: self._solved(p, *start(p)), tails))

    def _start(self) -> Callable[[float], tuple[Floats, Integers]]:
        """For a tail: values interpolated in Chebyshev nodes, and the rows that they do not
        settle.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            log_expected = np.log(self.expected)
        x = np.where(np.abs(log_expected) < FAR, log_expected, 0.0)
        piece = np.floor(x / WIDTH).astype(np.int64)
        lowest = int(piece.min(initial=0))
        pieces = int(piece.max(initial=0)) - lowest + 1
        place, code = distinct(self.row * pieces + piece - lowest)
        cell = place.astype(np.int64)
        of_n, of_piece = cell // pieces, cell % pieces + lowest
        angle = np.pi * (np.arange(NODES) + 0.5) / NODES
        at = (of_piece[:, None] + 0.5 + 0.5 * np.cos(angle)) * WIDTH
        n = np.repeat(self.values[of_n].astype(np.int64), NODES)
        nodes = Posterior(n, np.exp(at.ravel()), self.prior)
        inside = (x - (piece + 0.5) * WIDTH) * (2 / WIDTH)
        everywhere = np.arange(len(n))
        near = np.abs(log_expected) < FAR

        def start(p: float) -> tuple[Floats, Integers]:
            exact = nodes._solved(p, None, everywhere).reshape(-1, NODES)
            values, settled = _chebyshev(exact, angle, inside, code)
            return values, np.flatnonzero(~(settled & near))

        return start

    def _solved(self, p: float, start: Floats | None, rows: Integers) -> Floats:
        """Halley's method on the log scale, kept between the quantiles of the two components.

        The bracket costs next to nothing: a component's quantile is a function of n over its rate.
        """
        weight, first, second = self.weight[rows], self.first, self.second
        *one, q1 = first.parts(rows, p)
        *other, q2 = second.parts(rows, p)
        low, high = np.minimum(q1, q2), np.maximum(q1, q2)
        out = np.empty(len(self.n)) if start is None else start
        between = weight * q1 + (1 - weight) * q2
        x = between if start is None else np.clip(start[rows], low, high)
        parts = [(*one, weight), (*other, 1 - weight)]
        scale = np.sqrt(1.0 + self.n[rows])
        left = np.flatnonzero(high > low)
        for _ in range(STEPS):
            if not left.size:
                break
            at = x[left]
            value, slope, bend = np.full(len(left), -p), np.zeros(len(left)), np.zeros(len(left))
            for of_shape, of_rate, of_gamma, of_share in parts:
                shape, scaled = of_shape[left], of_rate[left] * np.exp(at)
                share = of_share[left]
                value += share * gammainc(shape, scaled)
                density = share * np.exp(shape * np.log(scaled) - scaled - of_gamma[left])
                slope += density
                bend += density * (shape - scaled)
            below = value < 0
            low[left], high[left] = np.where(below, at, low[left]), np.where(below, high[left], at)
            newton = np.divide(value, slope, out=np.full_like(value, np.inf), where=slope > 0)
            curved = np.divide(bend, slope, out=np.zeros_like(value), where=slope > 0)
            bent = 1 - np.where(np.isfinite(newton), 0.5 * newton * curved, 0.0)
            step = newton / np.where(bent > 0.5, bent, 1.0)
            inside = (at - step >= low[left]) & (at - step <= high[left])
            x[left] = np.where(inside, at - step, (low[left] + high[left]) / 2)
            going = ~inside | (np.abs(step) * scale[left] > LAST_STEP)
            left = left[going & (high[left] - low[left] > NARROW)]
        out[rows] = x
        return out


def _chebyshev(
    nodes: Floats, angle: Floats, inside: Floats, code: Integers
) -> tuple[Floats, Flags]:
    """The polynomial through the nodes of `code`, at places between -1 and 1 of its piece.

    And whether its last terms are as small as rounding.

    Sums are written out: a product of matrices may round as it likes, by its size.
    """
    size = len(angle)
    coefficients = []
    for degree in range(size):
        total = np.zeros(len(nodes))
        for k in range(size):
            total = total + nodes[:, k] * np.cos(degree * angle[k])
        coefficients.append(total * ((1 if degree == 0 else 2) / size))
    first, second = np.zeros_like(inside), np.zeros_like(inside)
    for degree in range(size - 1, 0, -1):
        first, second = 2 * inside * first - second + coefficients[degree][code], first
    settled = np.maximum(np.abs(coefficients[-1]), np.abs(coefficients[-2])) < SETTLED
    return inside * first - second + coefficients[0][code], settled[code]
