"""What a signal report says, as plain data: JSON in and out, no text of a page and no clock."""

from __future__ import annotations

from typing import Any

from dashboards.analysis.figures import (
    Features,
    Line,
    Masking,
    Onset,
    Part,
    Relative,
    Stated,
    Struct,
    Tabulation,
)
from dashboards.reports.figures import Cohort, Pair, Rule, Sequence


class Origin(Struct, frozen=True):
    """Which program made it, of which moment of the store.

    `data_lock_point` is the system time of `position` (UTC); `sequence` the newest entry of the
    signals' history by then, `trail` of the acts of people. `configuration` is the hash of rules,
    vocabulary, watchlist, lists and family that it was made with, `configuration_then` that of the
    newest checkpoint by then.
    """

    program: str
    program_version: str
    position: int
    data_lock_point: str
    sequence: int
    trail: int
    changes: int
    checkpoint: int | None
    checkpoints: int
    configuration: str
    configuration_then: str


class Label(Struct, frozen=True):
    """A product label of the deployment's table, and whether it lists the event."""

    title: str
    date: str
    routes: tuple[str, ...]
    source: str
    lists: tuple[str, ...]


class Other(Struct, frozen=True):
    """Another signal of the same pair that had been raised by then."""

    number: int
    kind: str
    dataset: str
    raised_at: str


class Subject(Struct, frozen=True):
    """The signal: what was raised, when, and why it stands where it does."""

    number: int
    kind: str
    dataset: str
    product: str
    event: str
    terms: tuple[str, ...]
    priority: str
    state: str
    raised_position: int
    raised_at: str
    labels: tuple[Label, ...]
    others: tuple[Other, ...]


class Quality(Struct, frozen=True):
    """What the data of the pair lack, and the way of the reports into the analysis.

    `erased`: cases of all pairs of which only what they count as is left, at the time of making.
    """

    received: int
    accepted: int
    not_counted: int
    superseded: int
    cases: int
    nullified: int
    linked: int
    active: int
    in_dataset: int
    with_product: int
    with_event: int
    with_pair: int
    conflicts: int
    unmatched_products: int
    unmatched_events: int
    erased: int
    stated: tuple[Stated, ...]


class Entry(Struct, frozen=True):
    """Something that happened to the signal, by the system."""

    number: int
    position: int
    at: str
    what: str
    detail: dict[str, Any]


class Move(Struct, frozen=True):
    """Something that a person did: who, when, what, and why.

    `entry` is that of the audit trail; `before` and `after` are states, the same
    where none changed. `signature`: the meaning of one, empty where it was not signed, and
    `signature_sha256` the hash of what was signed.
    """

    entry: int
    at: str
    who: str
    what: str
    before: str
    after: str
    note: str
    signature: str = ""
    signature_sha256: str = ""


class Method(Struct, frozen=True):
    """A statistic as computed: its columns and parameters."""

    name: str
    columns: tuple[str, ...]
    parameters: dict[str, Any]


class Methods(Struct, frozen=True):
    """How it was looked for: data, cleaning, filters, comparators, statistics with parameters."""

    datasets: tuple[str, ...]
    source: tuple[str, ...]
    cleaning: tuple[str, ...]
    filters: tuple[str, ...]
    comparators: tuple[str, ...]
    statistics: tuple[Method, ...]
    vocabulary: str
    newest_receipt: str
    oldest_receipt: str


class Report(Struct, frozen=True):
    """One signal report. `sha256` is over its content without that field (see `content`)."""

    schema: int
    id: str
    title: str
    origin: Origin
    subject: Subject
    features: Features
    methods: Methods
    pairs: tuple[Pair, ...]
    rules: tuple[Rule, ...]
    sequential: tuple[Sequence, ...]
    parts: tuple[Part, ...]
    relative: tuple[Relative, ...]
    masking: Masking | None
    onset: Onset
    cohort: Cohort | None
    tabulations: tuple[Tabulation, ...]
    cases: tuple[Line, ...]
    quality: Quality
    limitations: tuple[str, ...]
    history: tuple[Entry, ...]
    moves: tuple[Move, ...]
    sha256: str

    @property
    def patient_rows(self) -> int:
        """How many rows of single patients it has: to make one is to read them."""
        courses = self.cohort.listing if self.cohort else None
        return len(self.cases) + (len(courses.lines) if courses else 0)
