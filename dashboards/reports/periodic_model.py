"""What a periodic report says, as plain data."""

from __future__ import annotations

from dashboards.analysis.figures import Struct
from dashboards.reports.model import Origin


class Tracked(Struct, frozen=True):
    """A signal of the interval: new, ongoing or closed, with its key data at the end.

    `n_new`: cases of the pair that it did not have when the interval began. Of the cohort the
    counts are of reports of the pair, where it has any.
    """

    number: int
    status: str
    kind: str
    dataset: str
    product: str
    event: str
    priority: str
    state: str
    detected: str
    closed: str
    reasons: tuple[str, ...]
    n: int
    n_new: int
    ror: float | None
    ror_lower: float | None
    ror_upper: float | None
    action: str


class Reaction(Struct, frozen=True):
    """A watched product with a term: cases new in the interval and in all, and the ROR.

    `disproportionate`: ROR's lower limit > 1 with 3 cases; `before`: whether it was so when the
    interval began.
    """

    product: str
    event: str
    designated: bool
    listed: bool
    n: int
    n_new: int
    fatal: int
    fatal_new: int
    serious: int
    serious_new: int
    children: int
    children_new: int
    old: int
    old_new: int
    n_product: int
    n_event: int
    n_total: int
    ror: float | None
    ror_lower: float | None
    ror_upper: float | None
    disproportionate: bool
    before: bool


class Periodic(Struct, frozen=True):
    """One periodic report; days are UTC, by the time of this system.

    `erased`: cases of which only what they count as is left, at the time of making.
    """

    schema: int
    id: str
    title: str
    origin: Origin
    first_day: str
    last_day: str
    start_position: int | None
    cases: int
    cases_before: int
    erased: int
    products: tuple[str, ...]
    signals: tuple[Tracked, ...]
    reactions: tuple[Reaction, ...]
    limitations: tuple[str, ...]
    sha256: str
