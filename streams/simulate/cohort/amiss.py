"""What goes wrong on the way: records that are missing, late, wrong at first, void or repeated."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.table import Bools, Floats, Ints, Table, joined

# what a first version gets wrong: a field, and how
_SLIPS: dict[str, tuple[str, Callable[[Floats], Floats]]] = {
    "vital_signs": ("systolic_mmhg", lambda value: np.minimum(value + 60, 350)),
    "dissociation": ("score", lambda value: np.minimum(value + 20, 92)),
    "cognitive": ("score", lambda value: 0.75 * value),
    "mood": ("score", lambda value: _moved(value, 8, below=14)),
    "urinary": ("score", lambda value: _moved(value, 6, below=10)),
    "liver": ("alt_xuln", lambda value: 10 * value),
    "dose": ("dose_mg", lambda value: 1.5 * value),
    "dispensing": ("quantity_mg", lambda value: 2 * value),
    "misuse_screen": ("score", lambda value: _moved(value, 4, below=7)),
}
_NEVER_MISSING = frozenset({"enrolment", "dose", "dispensing", "biomarker", "exit"})
_EVENING = 0.8  # of the day: a clinic sends what it has of a visit at its end


@dataclass(frozen=True, slots=True)
class Sent:
    """Records as they are sent: a row a version.

    `number` tells the records of a course and kind apart; `sent` is in days of the calendar, with
    fraction; `again`: the same version sent once more then (NaN: not). `newest`: the row is what
    its record says in the end, and it is not void.
    """

    table: Table
    number: Ints
    version: Ints
    nullified: Bools
    sent: Floats
    again: Floats
    newest: Bools

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: Bools | Ints) -> Sent:
        """Some of the rows."""
        return Sent(
            self.table.take(rows),
            self.number[rows],
            self.version[rows],
            self.nullified[rows],
            self.sent[rows],
            self.again[rows],
            self.newest[rows],
        )


def sent(plan: Plan, table: Table, *, amiss: bool) -> Sent:
    """All rows of a kind as they are sent; without `amiss` all of them once, at once and right.

    What becomes of a record depends on the seed, its kind, its course and its number in it, so
    that what is planted elsewhere does not change it.
    """
    number = _numbers(table.course)
    n = len(table)
    one = np.ones(n, dtype=np.int64)
    no = np.zeros(n, dtype=bool)
    at: Floats = np.asarray(table.day + _EVENING, dtype=np.float64)
    clean = Sent(table, number, one, no, at, np.full(n, np.nan), ~no)
    return _spoilt(plan, clean) if amiss else clean


def _spoilt(plan: Plan, clean: Sent) -> Sent:
    facts = figures().amiss
    table = clean.table
    kind = table.kind

    def draw(what: str, *, by: Ints = clean.number, kind: str = kind) -> Floats:
        return uniform(plan.seed, f"{what} {kind}", table.course, by)

    # a visit is late as a whole
    visit = draw("late", by=table.day, kind="visit")
    delay = np.where(visit < facts.late, 3 + 57 * visit / facts.late, 1.8 * visit**2)
    at = clean.sent + delay
    repeated = draw("repeated") < facts.repeated
    again = np.where(repeated, at + 10 * draw("again"), np.nan)
    right = replace(clean, sent=at, again=again)
    missing = draw("missing") < facts.missing * (kind not in _NEVER_MISSING)
    if kind not in _SLIPS:
        return right.take(~missing)
    field, slip = _SLIPS[kind]
    values = table.column(field).astype(float)
    known = ~np.isnan(values) & ~missing
    corrected = known & (draw("corrected") < facts.corrected)
    backwards = draw("backwards") < facts.backwards
    later = at + 1 + 39 * draw("corrected later")
    slipped = Table(
        kind, table.course, table.day, table.second, {**table.columns, field: slip(values)}
    )
    right = replace(
        right,
        version=np.where(corrected, 2, 1),
        sent=np.where(corrected & ~backwards, later, at),
        again=np.where(corrected, np.nan, again),
    )
    wrong = replace(
        right,
        table=slipped,
        version=clean.version,
        sent=np.where(backwards, later, at),
        newest=np.zeros(len(table), dtype=bool),
    )
    void = known & ~corrected & (draw("nullified") < facts.nullified) & (kind != "dose")
    # another patient's, under a number that no record of this course has
    other = replace(
        wrong, number=-1 - clean.number, sent=at, again=np.full(len(table), np.nan)
    ).take(void)
    back = replace(
        other,
        version=other.version + 1,
        nullified=np.ones(len(other), dtype=bool),
        sent=(at + 1 + 29 * draw("nullified later"))[void],
    )
    return together([right.take(~missing), wrong.take(corrected), other, back])


def arrived(records: Sent, until: float) -> Sent:
    """What was sent before a moment, in days of the calendar; `newest` is what is known by then."""
    kept = records.take(records.sent < until)
    key = np.lexsort((kept.version, kept.number, kept.table.course))
    course, number = kept.table.course[key], kept.number[key]
    last = np.append(
        (course[1:] != course[:-1]) | (number[1:] != number[:-1]), [True] * (len(key) > 0)
    )
    newest = np.zeros(len(key), dtype=bool)
    newest[key] = last
    again = np.where(kept.again < until, kept.again, np.nan)
    return replace(kept, newest=newest & ~kept.nullified, again=again)


def _moved(value: Floats, by: float, *, below: float) -> Floats:
    """Off by so much, up or down, so that it stays within every scale's range."""
    return np.where(value < below, value + by, value - by)


def together(parts: list[Sent]) -> Sent:
    """Rows below each other."""
    if len(parts) == 1:
        return parts[0]
    return Sent(
        joined([part.table for part in parts]),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("number", "version", "nullified", "sent", "again", "newest")
        ),
    )


def _numbers(course: Ints) -> Ints:
    """The place of each row among those of its course, from 0, in the order of the rows."""
    order = np.argsort(course, kind="stable")
    starts = np.flatnonzero(np.diff(course[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(course)))
    number = np.empty(len(course), dtype=np.int64)
    number[order] = np.arange(len(course)) - np.repeat(starts, lengths)
    return number


def uniform(seed: int, what: str, one: Ints, other: Ints) -> Floats:
    """A random number in [0, 1) that depends on these alone (SplitMix64).

    Source: Steele, Lea and Flood, OOPSLA 2014 (the generator's mixing function).

    >>> a = uniform(1, "late", np.array([3, 4]), np.array([0, 0]))
    >>> b = uniform(1, "late", np.array([4]), np.array([0]))
    >>> bool(a[1] == b[0]), bool(a[0] == a[1])
    (True, False)
    """
    word = np.uint64
    state = _mixed(np.array([seed], dtype=word) + word(zlib.crc32(what.encode()) << 20))
    for key in (one, other):
        state = _mixed(state + key.astype(word) * word(0x9E3779B97F4A7C15))
    return np.asarray((state >> word(11)) * 2.0**-53, dtype=np.float64)


def _mixed(z: np.typing.NDArray[np.uint64]) -> np.typing.NDArray[np.uint64]:
    word = np.uint64
    z = z + word(0x9E3779B97F4A7C15)
    z = (z ^ (z >> word(30))) * word(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> word(27))) * word(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> word(31)), dtype=np.uint64)
