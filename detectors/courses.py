"""Many courses as columns: what the counts of a cohort are made of at a look."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from detectors.cases import Bools
from detectors.contents import runs
from detectors.disproportionality.method import Integers
from detectors.followup.content import CourseContent
from detectors.followup.exposure import Stratum

T = TypeVar("T", bound=Hashable)
Words = npt.NDArray[np.int32]
Whole = Words | Integers
Profile = tuple[str, tuple[tuple[str, str], ...]]

# A course is packed as int32s: revision, profile (-1: nullified), last contact, day of an exit by
# harm (0: none), numbers of spells, events and days, then four words a spell, two an event and one
# a day.
PROFILE, CONTACT, HARM, SPELLS, EVENTS, DAYS, HEADER = 1, 2, 3, 4, 5, 6, 7
HARMS = frozenset({"adverse_event", "death"})
NULLIFIED = -1
NOWHERE = -1
# a day is below 2^20 until the year 2870
DAY_BITS = 20
DAY = (1 << DAY_BITS) - 1


class Codes(Generic[T]):
    """Values and their codes: 0, 1, 2, … in the order of their first appearance."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._codes: dict[T, int] = {}

    def code(self, value: T) -> int:
        """The code of a value, a new one if it has none."""
        code = self._codes.setdefault(value, len(self.values))
        if code == len(self.values):
            self.values.append(value)
        return code

    def find(self, value: T) -> int | None:
        """The code of a value, None if it has none."""
        return self._codes.get(value)


class Coding:
    """What the words of packed courses mean."""

    def __init__(self) -> None:
        self.profiles: Codes[Profile] = Codes()
        self.strata: Codes[Stratum] = Codes()
        self.events: Codes[str] = Codes()
        self.kinds: Codes[str] = Codes()

    def pack(self, revision: int, content: CourseContent | None) -> bytes:
        """The words of a course; None: it counts no more."""
        if content is None:
            return array("i", (revision, NULLIFIED, *[0] * (HEADER - 2))).tobytes()
        strata = [self.strata.code(stratum) for stratum in content.strata]
        words = array("i", (revision, *[0] * (HEADER - 1)))
        words[PROFILE] = self.profiles.code((content.registry, content.attributes))
        words[CONTACT] = content.contact
        words[HARM] = content.exit_day if content.exit_reason in HARMS else 0
        words[SPELLS], words[EVENTS] = len(content.spells), len(content.events)
        for spell in content.spells:
            words.extend(
                (spell.start, spell.end, strata[spell.stratum], spell.band << 2 | spell.kind)
            )
        for event in content.events:
            words.extend((self.events.code(event.name) << 1 | (event.unit == "session"), event.day))
        # one order whatever the content's, so that equal contents are equal bytes
        for kind, days in sorted(content.days.items()):
            mark = self.kinds.code(kind) << DAY_BITS
            words.extend(mark | day for day in accumulate(days))
            words[DAYS] += len(days)
        return words.tobytes()


class Spells(NamedTuple):
    """A row a spell, by course and then by day; int32."""

    course: Words
    start: Words
    end: Words
    stratum: Words
    band: Words
    kind: Words


class Events(NamedTuple):
    """A row an event of a course on a day; `session`: counted once a session."""

    course: Words
    code: Words
    day: Words
    session: Bools


class Sessions(NamedTuple):
    """A row a day with a dose, by course and then by day: how many doses, in which spell."""

    course: Integers
    day: Integers
    n: Integers
    spell: Integers


class Courses:
    """Courses, numbered from 0 in the order given, as columns.

    What a look needs and no lock day can change is computed once.
    """

    def __init__(self, packed: Iterable[bytes], coding: Coding) -> None:
        held = list(packed)
        self.coding = coding
        words = np.frombuffer(b"".join(held), dtype=np.int32)
        size = np.fromiter(map(len, held), dtype=np.int64, count=len(held)) // words.itemsize
        start = np.cumsum(size) - size
        self.size = len(held)
        self.profile = words[start + PROFILE]
        self.contact = words[start + CONTACT]
        self.harmed = words[start + HARM]
        spells, events, days = (words[start + at].astype(np.int64) for at in (SPELLS, EVENTS, DAYS))
        self.n_spells = spells
        first = start + HEADER
        place = np.repeat(first, spells) + 4 * runs(np.zeros_like(spells), spells)
        last = words[place + 3]
        self.spells = Spells(
            _owner(spells), words[place], words[place + 1], words[place + 2], last >> 2, last & 3
        )
        first = first + 4 * spells
        place = np.repeat(first, events) + 2 * runs(np.zeros_like(events), events)
        name = words[place]
        self.events = Events(_owner(events), name >> 1, words[place + 1], (name & 1).astype(bool))
        seen = words[runs(first + 2 * events, days)]
        self._seen_course, self._seen = _owner(days), seen

    @cached_property
    def first_spell(self) -> Integers:
        """The row of each course's first spell."""
        first: Integers = np.cumsum(self.n_spells) - self.n_spells
        return first

    @cached_property
    def registry_contact(self) -> Integers:
        """For each course, the day of the last record of its registry from anybody."""
        names = [registry for registry, _ in self.coding.profiles.values]
        known = {name: i for i, name in enumerate(dict.fromkeys(names))}
        registry = np.array([*(known[name] for name in names), 0], dtype=np.int64)[self.profile]
        last = np.zeros(len(known) + 1, dtype=np.int64)
        counts = self.profile != NULLIFIED
        np.maximum.at(last, registry[counts], self.contact[counts])
        contact: Integers = last[registry]
        return contact

    @cached_property
    def sessions(self) -> Sessions:
        """The sessions under observation."""
        course, day = self.days_of("dose")
        keys, n = np.unique(_key(course, day), return_counts=True)
        course, day = keys >> DAY_BITS, keys & DAY
        spell = self.place(course, day)
        seen = spell != NOWHERE
        return Sessions(course[seen], day[seen], n[seen], spell[seen])

    def place(self, course: Whole, day: Whole) -> Integers:
        """The row of the spell that holds a day of a course; NOWHERE if it is under none."""
        return _last_before(
            self._spell_keys,
            _key(course, day),
            lambda row: (self.spells.course[row] == course) & (day < self.spells.end[row]),
        )

    def session_of(self, course: Whole, day: Whole, within: int = 1) -> Integers:
        """The row of the last session of a course up to a day; NOWHERE if it is longer ago.

        A day without a session belongs to that of the day before: a session in the evening is
        measured after midnight (UTC).
        """
        sessions = self.sessions
        return _last_before(
            self._session_keys,
            _key(course, day),
            lambda row: (sessions.course[row] == course) & (day - sessions.day[row] <= within),
        )

    def unbroken(self, first: Integers, last: Integers) -> Bools:
        """Whether no day is missing between two spells of one course (rows; NOWHERE: none)."""
        spells = self.spells
        apart = spells.start[1:] != spells.end[:-1]
        breaks = np.concatenate([[0], np.cumsum(apart), [NOWHERE]])
        known = (first != NOWHERE) & (last != NOWHERE)
        whole: Bools = known & (breaks[first] == breaks[last])
        return whole

    def assessed_sessions(self, kinds: frozenset[str] | None) -> Bools:
        """Sessions with a record of any of the kinds; None: all of them."""
        out = np.full(len(self.sessions.day), kinds is None)
        for kind in kinds or ():
            out |= self._by_kind(kind)[0]
        return out

    def last_assessed(self, kinds: frozenset[str] | None) -> Integers:
        """For each course, the last day with a record of any of the kinds, 0 if there is none.

        None: no record is needed, the day is beyond every other.
        """
        out = np.full(self.size, DAY if kinds is None else 0, dtype=np.int64)
        for kind in kinds or ():
            out = np.maximum(out, self._by_kind(kind)[1])
        return out

    def _by_kind(self, kind: str) -> tuple[Bools, Integers]:
        """Sessions with a record of a kind, and each course's last day with one."""
        if kind not in self._kinds:
            course, day = self.days_of(kind)
            met = np.zeros(len(self.sessions.day), dtype=bool)
            rows = self.session_of(course, day)
            met[rows[rows != NOWHERE]] = True
            last = np.zeros(self.size, dtype=np.int64)
            last[course] = day  # the last one written stays, and the days of a course ascend
            self._kinds[kind] = met, last
        return self._kinds[kind]

    @cached_property
    def _spell_keys(self) -> Integers:
        return _key(self.spells.course, self.spells.start)

    @cached_property
    def _session_keys(self) -> Integers:
        return _key(self.sessions.course, self.sessions.day)

    @cached_property
    def _kinds(self) -> dict[str, tuple[Bools, Integers]]:
        return {}

    def days_of(self, kind: str) -> tuple[Words, Words]:
        """Course and day of every day with a record of a kind, by course and then by day."""
        code = self.coding.kinds.find(kind)
        rows = np.flatnonzero(self._seen >> DAY_BITS == (NOWHERE if code is None else code))
        return self._seen_course[rows], self._seen[rows] & DAY


def _owner(size: Integers) -> Words:
    return np.repeat(np.arange(len(size), dtype=np.int32), size)


def _key(course: Whole, day: Whole) -> Integers:
    return course.astype(np.int64) << DAY_BITS | day


def _last_before(keys: Integers, wanted: Integers, holds: Callable[[Integers], Bools]) -> Integers:
    """For each key wanted, the row of the last one not above it, where `holds` says so."""
    row = np.searchsorted(keys, wanted, side="right") - 1
    found = row >= 0
    row = np.maximum(row, 0)
    if len(keys):
        found &= holds(row)
    return np.where(found, row, NOWHERE)
