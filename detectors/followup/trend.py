"""A straight line through the scores of a course, held as running sums."""

from __future__ import annotations

import msgspec
from scipy.special import stdtrit


class Trend(msgspec.Struct, frozen=True, array_like=True):
    """Least squares of y on x: the count, both means, and the sums about them.

    The sums are kept about the means (Welford, Technometrics 1962;4:419-20), so that scores far
    from 0 lose no digits. Verified against scipy's linear regression:
    `tests/detectors/followup/test_trend.py`.

    >>> line = Trend()
    >>> for x, y in [(0, 27), (1, 26), (2, 26), (3, 23)]:
    ...     line = line.add(x, y)
    >>> line.n, round(line.slope(), 3), round(line.standard_error(), 3)
    (4, -1.2, 0.424)
    """

    n: int = 0
    x: float = 0.0
    y: float = 0.0
    sxx: float = 0.0
    sxy: float = 0.0
    syy: float = 0.0

    def add(self, x: float, y: float) -> Trend:
        """With one more point."""
        n = self.n + 1
        dx, dy = x - self.x, y - self.y
        mean_x, mean_y = self.x + dx / n, self.y + dy / n
        return Trend(
            n,
            mean_x,
            mean_y,
            self.sxx + dx * (x - mean_x),
            self.sxy + dx * (y - mean_y),
            self.syy + dy * (y - mean_y),
        )

    def slope(self) -> float:
        """In units of y for one of x; 0 while all x are the same."""
        return self.sxy / self.sxx if self.sxx > 0 else 0.0

    def standard_error(self, least: float = 0.0) -> float:
        """Of the slope: s / sqrt(Sxx), s^2 the residual sum of squares over n - 2.

        `least` is the least s that is believed: few points can lie on a line by chance, and then
        say nothing of the error of measurement. `ValueError` with fewer than 3 points or one x.

        >>> round(Trend(4, 1.5, 25.5, 5.0, -6.0, 9.0).standard_error(1.0), 3)
        0.447
        """
        if self.n < 3 or self.sxx <= 0:
            raise ValueError("a line has no standard error before three points of different x")
        residual = max(self.syy - self.sxy**2 / self.sxx, 0.0)
        return float((max(residual / (self.n - 2), least**2) / self.sxx) ** 0.5)

    def limit(self, alpha: float, least: float = 0.0) -> float:
        """One-sided lower limit of the slope: slope - t(1 - alpha, n - 2) standard errors.

        >>> round(Trend(4, 1.5, 25.5, 5.0, 6.0, 9.0).limit(0.05), 3)
        -0.039
        """
        quantile = float(stdtrit(self.n - 2, 1 - alpha))
        return self.slope() - quantile * self.standard_error(least)
