"""Counts and expected counts as the likelihood of a prior sees them, all or fewer of them."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln

from detectors.disproportionality.ic import distinct
from detectors.disproportionality.method import Floats, Integers, floats

# beyond these a component is a point or nothing, and the data say nothing of it
EDGE = 11.0
# cells of one count are one point for the search within a piece of this width of log E, and for
# the steps after it so many points within a wider one
COARSE, FINE, NODES = 0.2, 0.5, 10


class Cells:
    """Counts and expected counts, each with a weight."""

    def __init__(
        self, n: Integers, expected: Floats, truncated: bool, weight: Floats | None = None
    ) -> None:
        self.values, self.row = distinct(n)
        self.n, self.expected, self.truncated = self.values[self.row], expected, truncated
        self.log_expected = np.log(np.maximum(expected, 1e-300))
        self.weight = np.ones_like(expected) if weight is None else weight
        self.size = float(np.sum(self.weight))
        self.of_n = np.sum(self.weight * gammaln(self.values + 1)[self.row])

    def value_and_slope(self, theta: Floats) -> tuple[float, Floats]:
        """Negative log-likelihood and its gradient."""
        parts = [self._component(*np.exp(theta[:2])), self._component(*np.exp(theta[2:4]))]
        log_p, log_q = -np.logaddexp(0, -theta[4]), -np.logaddexp(0, theta[4])
        first, second = log_p + parts[0][0], log_q + parts[1][0]
        mixed = np.logaddexp(first, second)
        weight = self.weight * np.exp(first - mixed)
        other = self.weight - weight
        slope = np.array(
            [
                -np.sum(weight * parts[0][1]),
                -np.sum(weight * parts[0][2]),
                -np.sum(other * parts[1][1]),
                -np.sum(other * parts[1][2]),
                -np.sum(weight) + np.exp(log_p) * self.size,
            ]
        )
        return float(self.of_n - np.sum(self.weight * mixed)), slope

    def fenced(self, theta: Floats) -> tuple[float, Floats]:
        """The same with a fence about what a search may try, so that no exponential overflows."""
        inside = np.clip(theta, -EDGE, EDGE)
        value, slope = self.value_and_slope(inside)
        over = theta - inside
        return value + float(np.sum(over**2)) * self.size, slope + 2 * over * self.size

    def curvature(self, theta: Floats) -> Floats:
        """The matrix of second derivatives, by central differences of the gradient."""
        out = np.empty((5, 5))
        for i in range(5):
            step = np.zeros(5)
            step[i] = 1e-4
            ahead, behind = (self.value_and_slope(theta + s)[1] for s in (step, -step))
            out[i] = (ahead - behind) / 2e-4
        symmetric: Floats = (out + out.T) / 2
        return symmetric

    def _component(self, alpha: float, beta: float) -> tuple[Floats, Floats, Floats]:
        """Log mass but for n!, and its slope along log alpha and log beta."""
        spread = np.log1p(self.expected / beta)
        zero = -alpha * spread  # log of the probability of 0
        own = (gammaln(alpha + self.values) - gammaln(alpha))[self.row]
        mass = own + zero + self.n * (self.log_expected - np.log(beta) - spread)
        part = self.expected / (beta + self.expected)
        along_alpha = (alpha * (digamma(alpha + self.values) - digamma(alpha)))[self.row] + zero
        along_beta: Floats = alpha * part - self.n * (1 - part)
        if self.truncated:
            rest = -np.expm1(zero)
            mass -= np.log(rest)
            odds = (1 - rest) / rest
            along_alpha += zero * odds
            along_beta += alpha * part * odds
        return mass, along_alpha, along_beta


def squashed(cells: Cells) -> Cells:
    """Cells of one count and like expected counts as one point with their number as weight."""
    code, n, _ = _pieces(cells, COARSE)
    total: Floats = np.bincount(code, cells.weight, minlength=len(n)).astype(np.float64)
    mean = np.bincount(code, cells.weight * cells.expected, minlength=len(n)) / total
    return Cells(n, mean, cells.truncated, total)


def gathered(cells: Cells) -> Cells:
    """Points whose likelihood is that of all cells, to about the tenth digit.

    On a short piece of log E the likelihood of a count is nearly a polynomial, and a polynomial's
    sum over the cells of the piece is a weighted sum over its Chebyshev nodes. The weights may be
    below 0: far from an optimum that need be no likelihood, so only steps near one are taken by it.
    """
    code, of_n, middle = _pieces(cells, FINE)
    many = np.bincount(code, minlength=len(of_n)) > NODES
    group = np.where(many, np.cumsum(many) - 1, -1)[code]
    alone, inside = np.flatnonzero(group < 0), np.flatnonzero(group >= 0)
    group, of_n, middle, size = group[inside], of_n[many], middle[many], int(many.sum())
    at = (cells.log_expected[inside] - middle[group]) * (2 / FINE)
    angle = np.pi * (np.arange(NODES) + 0.5) / NODES
    weights = np.zeros((size, NODES))
    term, after = np.ones(len(inside)), at
    for degree in range(NODES):
        moment = np.bincount(group, cells.weight[inside] * term, minlength=size)
        share = (1 if degree == 0 else 2) / NODES
        weights += share * moment[:, None] * np.cos(degree * angle)
        term, after = after, 2 * at * after - term
    nodes = middle[:, None] + 0.5 * FINE * np.cos(angle)
    return Cells(
        np.concatenate([cells.n[alone].astype(np.int64), np.repeat(of_n, NODES)]),
        np.concatenate([cells.expected[alone], np.exp(nodes.ravel())]),
        cells.truncated,
        np.concatenate([cells.weight[alone], weights.ravel()]),
    )


def _pieces(cells: Cells, width: float) -> tuple[Integers, Integers, Floats]:
    """For each cell the code of its piece: one count, and log E on a grid; their n and middles."""
    piece = np.floor(cells.log_expected / width).astype(np.int64)
    lowest = int(piece.min(initial=0))
    pieces = int(piece.max(initial=0)) - lowest + 1
    found, code = distinct(cells.row * pieces + piece - lowest)
    place = found.astype(np.int64)
    n = cells.values[place // pieces].astype(np.int64)
    middle: Floats = (floats(place % pieces + lowest) + 0.5) * width
    return code, n, middle
