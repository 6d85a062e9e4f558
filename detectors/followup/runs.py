"""The runs of a test of the protocol, from what each closed look has added to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.followup import sprt
from detectors.followup.background import Backgrounds
from detectors.followup.protocol import IntervalTest, Test


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
