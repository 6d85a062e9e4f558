"""Chi-squared against scipy."""

from __future__ import annotations

import pytest
from scipy.stats import chi2_contingency

from detectors.disproportionality.chi2 import chi2


@pytest.mark.parametrize(
    ("n", "product", "event", "total"),
    [(20, 100, 120, 10_100), (3, 40, 500, 10_000), (0, 30, 40, 500), (2, 30, 40, 600)],
)
def test_agrees_with_scipy(n: int, product: int, event: int, total: int) -> None:
    cells = [[n, product - n], [event - n, total - product - event + n]]
    ours = chi2(n, product, event, total)
    assert float(ours.plain) == pytest.approx(chi2_contingency(cells, correction=False).statistic)
    assert float(ours.yates) == pytest.approx(chi2_contingency(cells).statistic)
