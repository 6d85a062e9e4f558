"""2x2 tables for property tests: any four counts that a table can have."""

from __future__ import annotations

from hypothesis import strategies as st

Counts = tuple[int, int, int, int]


@st.composite
def counts(draw: st.DrawFn, largest: int = 100_000) -> Counts:
    """(n, n_product, n_event, n_total), empty margins and full ones included."""
    total = draw(st.integers(0, draw(st.sampled_from([3, 40, 5_000, largest]))))
    product = draw(st.integers(0, min(total, draw(st.sampled_from([2, 60, largest])))))
    event = draw(st.integers(0, min(total, draw(st.sampled_from([2, 60, largest])))))
    lowest = max(0, product + event - total)
    return draw(st.integers(lowest, min(product, event))), product, event, total
