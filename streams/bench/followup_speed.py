"""Follow-up records in memory, as the follow-up agent and the detector take them, without a store.

Each of many courses has 40 records, of whole simulated courses: each drawn course is given to as
many patients as it takes. Records come visit by visit, each visit of all patients before the next,
in batches of 500; for each course of a batch: decode, code, fold on the state that is held, hold
the new one, make the content, change the cohort. The last record of every course comes alone, and
the time from its bytes to its findings in the cohort is taken. Books of 1,000 courses take their
turns in between, a visit at a time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import msgspec
import numpy as np
from tqdm import tqdm

from detectors.cohort import Cohort
from detectors.followup.content import content
from detectors.followup.course import EMPTY, Course, decode_course, encode_course, fold
from detectors.followup.record import Observed, coded
from schemas.followup import FOLLOWUP
from schemas.vocabulary import Vocabulary
from streams.bench.rows import Row, at_most, quantile
from streams.simulate.cohort.cohort import simulate
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.writing import followups

RECORDS = 40  # a course
ENVELOPE = 500
SMALL = 1000  # courses of a small book
BOOKS = 3  # small ones
FLAT = 1.3
_MORE = 1.5  # drawn for each that is taken: some have fewer records
_DAYS = 365
_SPARE = 25  # records of the days around the last one

Visit = list[bytes]


@dataclass(slots=True)
class Book:
    """The states of many courses, the cohort, and what taking them has cost (CPU seconds)."""

    vocabulary: Vocabulary
    size: int
    cohort: Cohort = field(default_factory=Cohort)
    states: dict[int, bytes] = field(default_factory=dict)
    findings: int = 0
    records: int = 0
    seconds: float = 0.0
    decoding: float = 0.0

    def take(self, batch: list[tuple[int, bytes]]) -> None:
        """Records of some courses, those of one course in order."""
        began = time.process_time()
        decoded = [(course, FOLLOWUP.validate_json(raw)) for course, raw in batch]
        self.decoding += time.process_time() - began
        arrived: dict[int, list[Observed]] = {}
        for course, record in decoded:
            arrived.setdefault(course, []).append(coded(record, self.vocabulary))
        for number, observed in arrived.items():
            state = self.states.get(number)
            before = EMPTY if state is None else decode_course(state)
            after = fold(observed, before)
            self._hold(number, after, observed[0].record.registry)
            self.findings += len(after.findings) - len(before.findings)
        self.seconds += time.process_time() - began
        self.records += len(batch)

    def _hold(self, number: int, course: Course, registry: str) -> None:
        self.states[number] = encode_course(course)
        self.cohort.apply(number, course.n, content(course, registry))

    @property
    def cost(self) -> float:
        """CPU seconds a record."""
        return self.seconds / self.records

    @property
    def held(self) -> float:
        """Bytes a course: its state, its part of the cohort, and their places in two tables."""
        held = self.cohort._held
        tables: tuple[dict[int, bytes], ...] = (self.states, held)
        values = sum(sys.getsizeof(x) for one in tables for x in one.values())
        keys = sum(map(sys.getsizeof, self.states))
        return (values + keys + sum(map(sys.getsizeof, tables))) / len(self.states)


def drawn(courses: int, seed: int, vocabulary: Vocabulary) -> list[list[Visit]]:
    """Courses of 40 records each, in order, cut into visits; the last record is its own."""
    plan = Plan(int(_MORE * courses) + 20, _DAYS, seed, entry=0.0)
    cohort = simulate(plan, amiss_too=False)
    by_course: dict[str, list[bytes]] = {}
    for one in followups(cohort, date(2024, 1, 1)):
        held = by_course.setdefault(msgspec.json.decode(one.raw, type=_Named).patient, [])
        if len(held) < RECORDS + _SPARE:
            held.append(one.raw)
    out: list[list[Visit]] = []
    for raws in by_course.values():
        if len(raws) >= RECORDS and len(out) < courses:
            placed = [(coded(FOLLOWUP.validate_json(raw), vocabulary), raw) for raw in raws]
            placed.sort(key=lambda one: one[0].order)
            out.append(_visits(placed[:RECORDS]))
    return out


class _Named(msgspec.Struct):
    patient: str


def _visits(placed: list[tuple[Observed, bytes]]) -> list[Visit]:
    visits: list[Visit] = []
    last = 0
    for one, raw in placed[:-1]:
        if one.day != last:
            visits.append([])
            last = one.day
        visits[-1].append(raw)
    return [*visits, [placed[-1][1]]]


def batches(
    courses: list[list[Visit]], size: int, visit: int, rng: np.random.Generator
) -> Iterator[list[tuple[int, bytes]]]:
    """A visit of all patients in any order, in batches; each drawn course is many patients'.

    The last visit, of one record, is left out: see `last`.
    """
    batch: list[tuple[int, bytes]] = []
    for number in rng.permutation(size).tolist():
        visits = courses[number % len(courses)]
        if visit < len(visits) - 1:
            batch += ((number, own(raw, number)) for raw in visits[visit])
        if len(batch) >= ENVELOPE:
            yield batch
            batch = []
    if batch:
        yield batch


def own(raw: bytes, number: int) -> bytes:
    """The record of another patient.

    >>> own(b'{"patient":"P7","at":"2025-07-03"}', 12)
    b'{"patient":"N12-P7","at":"2025-07-03"}'
    """
    return raw.replace(b'"patient":"', b'"patient":"N%d-' % number, 1)


def rows(courses: int, seed: int) -> list[Row]:
    """Throughput, memory, latency, and what a record costs at few and at many courses."""
    vocabulary = Vocabulary.load()
    small_size = min(SMALL, max(courses // 4, 1))
    known = drawn(small_size, seed, vocabulary)
    large = Book(vocabulary, courses)
    small = [Book(vocabulary, len(known)) for _ in range(BOOKS)]
    rng = np.random.default_rng([seed, 8])
    alone: list[tuple[float, float]] = []
    with tqdm(
        total=courses * RECORDS, desc="records", unit="record", disable=None, delay=2, leave=False
    ) as bar:
        for visit in range(max(len(visits) for visits in known) - 1):
            every = max(1, -(-courses * RECORDS // (ENVELOPE * len(known))) // BOOKS)
            waiting = list(small)
            for i, batch in enumerate(batches(known, courses, visit, rng)):
                if i % every == 0 and waiting:
                    _visit(waiting.pop(), known, visit, rng)
                large.take(batch)
                bar.update(len(batch))
            for book in waiting:
                _visit(book, known, visit, rng)
        cost = large.cost
        for number in rng.permutation(courses).tolist():
            raw = own(known[number % len(known)][-1][0], number)
            began, worked = time.perf_counter(), time.process_time()
            large.take([(number, raw)])
            alone.append((time.perf_counter() - began, time.process_time() - worked))
            bar.update()
    costs = [book.cost for book in small]
    return figures(large, cost, costs, alone)


def _visit(book: Book, known: list[list[Visit]], visit: int, rng: np.random.Generator) -> None:
    for batch in batches(known, book.size, visit, rng):
        book.take(batch)


def figures(
    large: Book, cost: float, small: list[float], alone: list[tuple[float, float]]
) -> list[Row]:
    """What was measured, as rows."""
    courses = len(large.states)
    decoding = large.records / large.decoding
    few = float(np.median(small))
    return [
        Row(
            "speed_throughput",
            1 / cost,
            f"records/s of CPU, {courses} courses",
            "bare decoding of the same records",
            1 / cost / decoding,
        ),
        Row("speed_memory", large.held, "bytes a course", f"{large.findings} findings held"),
        _latency("speed_p99", "ms from bytes to finding", [wall for wall, _ in alone]),
        # what is left when others use the machine
        _latency("speed_p99_cpu", "ms of CPU from bytes to finding", [cpu for _, cpu in alone]),
        Row(
            "speed_cost",
            1e6 * cost,
            "us of CPU a record",
            f"{len(small)} books of fewer courses",
            cost / few,
            (1e6 * min(small), 1e6 * max(small)),
            **at_most(FLAT, "times", cost / few),
        ),
    ]


def _latency(name: str, unit: str, seconds: list[float]) -> Row:
    high, middle = (1000 * quantile(seconds, share) for share in (0.99, 0.5))
    spread = (1000 * min(seconds), 1000 * max(seconds))
    return Row(name, high, unit, "the median record", high / middle, spread)
