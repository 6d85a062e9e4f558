"""The figures of a report as plain data: counts, statistics, evidence over time, rates.

Counts are numbers of cases unless something else is said. What cannot be computed is null.
"""

from __future__ import annotations

from dashboards.analysis.figures import Cells, Struct


class Condition(Struct, frozen=True):
    """`column op value`."""

    column: str
    op: str
    value: float


class Rule(Struct, frozen=True):
    """A rule, whether it holds, and since when.

    `first_*`: where this system first said so, None where it never did; `data_date`: the day by the
    data's own dates at whose end it first held, `data_n` the count on it.
    """

    name: str
    kind: str
    title: str
    source: str
    conditions: tuple[Condition, ...]
    holds: bool
    n: int
    first_position: int | None
    first_at: str | None
    first_n: int | None
    data_date: str | None
    data_n: int | None


class Statistic(Struct, frozen=True):
    """A statistic with its limits of coverage `level`, and how it follows from the counts."""

    name: str
    title: str
    value: float | None
    lower: float | None
    upper: float | None
    level: float | None
    steps: tuple[str, ...]


class Prior(Struct, frozen=True):
    """The prior of EBGM and the checkpoint at which it was fitted."""

    position: int
    pairs: int
    alpha1: float
    beta1: float
    alpha2: float
    beta2: float
    p: float


class Pair(Struct, frozen=True):
    """The pair in one dataset of reports; datasets are never added together.

    `no_prior`: why EBGM has none, where it has none.
    """

    dataset: str
    cells: Cells
    statistics: tuple[Statistic, ...]
    prior: Prior | None
    no_prior: str


class Look(Struct, frozen=True):
    """A closed look in which the product was reported: the day's counts, the evidence after it."""

    day: str
    position: int
    n: int
    n_product: int
    n_comparator: int
    n_comparators: int
    log_e: float
    log_e_sup: float


class Confirmation(Struct, frozen=True):
    """The look at which the family's list took the pair in.

    `asked`: the log e that the list asked of it as one of `among`. `corrected_log_e`: the same
    process on the newest versions, which has no error rate.
    """

    day: str
    position: int
    n: int
    log_e: float
    asked: float
    among: int
    corrected_log_e: float
    corrected_n: int
    suspended: bool


class Sequence(Struct, frozen=True):
    """Sequential evidence for the pair in one family that was fixed beforehand."""

    family: str
    dataset: str
    fixed_on: str
    products: int
    events: int
    size: int
    alpha: float
    margin: float
    asked_alone: float
    looks: int
    log_e: float
    log_e_sup: float
    reported: tuple[Look, ...]
    confirmation: Confirmation | None


class Rate(Struct, frozen=True):
    """First events over person-time, per 100 patient-years; sessions with the event, in %."""

    product: str
    axis: str
    stratum: str
    n: int
    person_days: int
    patient_years: float
    courses: int
    rate: float | None
    rate_lower: float | None
    rate_upper: float | None
    sessions: int
    sessions_with: int
    share: float | None
    share_lower: float | None
    share_upper: float | None


class Against(Struct, frozen=True):
    """The cohort's rate over that of a background or of the cohort's other products."""

    reference: str
    source: str
    n: float
    time: float
    n_reference: float
    time_reference: float
    unit: str
    ratio: float | None
    lower: float | None
    upper: float | None


class CohortLook(Struct, frozen=True):
    """A closed look of the cohort: events and time entered by then on both sides."""

    test: str
    day: str
    position: int
    n: float
    time: float
    n_other: float
    time_other: float
    log_e: float
    log_e_sup: float


class Run(Struct, frozen=True):
    """A run of a test with a horizon (maxSPRT) of the protocol, as its closed looks have it.

    `against`: the background and margin, or the windows; `alpha` of this run.
    """

    test: str
    product: str
    number: int
    against: str
    alpha: float
    min_events: int
    first_day: str
    last_day: str
    state: str
    n: float
    expected: float
    horizon: float
    llr: float
    critical_value: float | None
    reason: str


class CourseLine(Struct, frozen=True):
    """One course with the event that was given the product; no pseudonym, nothing measured.

    `course` is its number in the store. Product, route, setting and phase are those of the day of
    the first event, `started` the first day of this product. `n` is 1 where the event counts for
    the product, `person_days` are those at risk on it. `erased`: the patient had the records erased
    since; what counts stays.
    """

    course: int
    registry: str
    sex: str
    age: str
    product: str
    route: str
    setting: str
    phase: str
    started: str
    first_event: str
    days_to_event: int | None
    event_days: int
    terms: tuple[str, ...]
    urgent: bool
    last_contact: str
    ended: str
    n: int
    person_days: int
    erased: bool


class CourseLines(Struct, frozen=True):
    """The courses with the event, and what those without it add: together the product's rate."""

    lines: tuple[CourseLine, ...]
    other_courses: int
    other_person_days: int


class Cohort(Struct, frozen=True):
    """What the patient courses say of the pair, counted up to `through`.

    `listing`: None in a report without the rows of single patients.
    """

    through: str
    lag_days: int
    courses: int
    rates: tuple[Rate, ...]
    against: tuple[Against, ...]
    steps: tuple[str, ...]
    looks: int
    family: int
    evidence: tuple[CohortLook, ...]
    runs: tuple[Run, ...]
    listing: CourseLines | None
