"""The runs of a test of the protocol, from what each closed look has added to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.cohort import Cohort
from detectors.disproportionality.method import Floats
from detectors.followup import sprt
from detectors.followup.background import Backgrounds
from detectors.followup.protocol import IntervalTest, PoissonTest, Test
from detectors.scope import Scope


def by_stratum(cohort: Cohort, scope: Scope, test: PoissonTest) -> dict[str, tuple[Floats, Floats]]:
    """What each day from the opening adds to each stratum of a test: events, and patient-years.

    "": the product as a whole. A stratum without data has zeros.
    """
    by = ("product", test.by) if test.by else ("product",)
    daily = cohort.daily(by, scope, [test.event], test.opened.toordinal())
    place = {row: i for i, row in enumerate(daily.rows)}
    none = np.zeros(len(daily.n))
    out = {}
    for stratum in test.strata or ("",):
        row = place.get((test.product, stratum) if test.by else (test.product,))
        out[stratum] = (
            (none, none)
            if row is None
            else (daily.n[:, row, 0].astype(np.float64), daily.years[:, row, 0])
        )
    return out


def runs(
    test: Test, added: Sequence[tuple[float, float]], backgrounds: Backgrounds
) -> tuple[sprt.Run, ...]:
    """The runs after some looks; `first` and `last` are places in these.

    Each look adds events, and patient-years (or events in the control windows). Source and proof
    are those of `detectors.followup.sprt`.
    """
    n, other = (np.array([one[i] for one in added]) for i in (0, 1))
    if isinstance(test, IntervalTest):
        return sprt.binomial(
            n,
            other,
            ratio=test.ratio,
            horizon=test.horizon,
            alpha=test.alpha,
            min_events=test.min_events,
        )
    value = backgrounds.named(test.background, test.event).value
    return sprt.poisson(
        n,
        other * value * test.margin,
        horizon=test.horizon,
        alpha=test.split_alpha,
        min_events=test.min_events,
    )
