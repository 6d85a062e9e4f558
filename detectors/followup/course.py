"""A patient course: the state of every stream after its records, and the findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from detectors.disproportionality.method import Parameters
from detectors.followup import STREAMS
from detectors.followup.finding import Finding
from detectors.followup.record import Observed, Order


class Course(msgspec.Struct, frozen=True):
    """What is known after some records, in order: how many, the last one's place, each stream.

    `states` are in the order of `STREAMS`, each as MessagePack of its own, so that a course costs
    a few hundred bytes and is written as it is held. `findings` are sorted by key.
    """

    n: int = 0
    last: Order | None = None
    states: tuple[bytes, ...] = ()
    findings: tuple[Finding, ...] = ()

    def follows(self, observed: Observed) -> bool:
        """Whether a record comes after all that are in it; if not, the course is replayed."""
        return self.last is None or observed.order > self.last


EMPTY = Course()

_encode = msgspec.msgpack.Encoder().encode
_decoders = tuple(msgspec.msgpack.Decoder(type(stream.start)) for stream in STREAMS)
_starts = tuple(_encode(stream.start) for stream in STREAMS)
_readers: dict[str, tuple[int, ...]] = {}
for _i, _stream in enumerate(STREAMS):
    for _kind in _stream.kinds:
        _readers[_kind] = (*_readers.get(_kind, ()), _i)


def fold(
    records: Iterable[Observed],
    course: Course = EMPTY,
    parameters: Mapping[str, Parameters] | None = None,
) -> Course:
    """The course after more records: newest versions only, none of them in it yet.

    They may come in any order; all must lie behind those that are in it (see `follows`), since a
    step never sees an earlier record after a later one. `parameters` replaces a stream's own, by
    its name.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import FOLLOWUP
    >>> record = FOLLOWUP.validate_python({"registry": "r", "record_id": "1", "patient": "p",
    ...     "course": "c", "at": "2025-07-03", "kind": "biomarker"})
    >>> course = fold([observed(record)])
    >>> course.n, fold([observed(record)]) == course, course.follows(observed(record))
    (1, True, False)
    """
    ordered = sorted(records, key=lambda one: one.order)
    if not ordered:
        return course
    if not course.follows(ordered[0]):
        raise ValueError("a record lies before those that are in the course: replay it")
    given = parameters or {}
    held: dict[int, Any] = {}
    states = course.states or _starts
    findings = {finding.key: finding for finding in course.findings}
    for one in ordered:
        for i in _readers.get(one.record.kind, ()):
            stream = STREAMS[i]
            state = held[i] if i in held else _decoders[i].decode(states[i])
            held[i], found = stream.step(state, one, given.get(stream.name, stream.parameters))
            for finding in found:
                findings[finding.key] = finding
    packed = tuple(_encode(held[i]) if i in held else states[i] for i in range(len(STREAMS)))
    by_key = tuple(findings[key] for key in sorted(findings))
    return Course(course.n + len(ordered), ordered[-1].order, packed, by_key)


def state_of(course: Course, name: str) -> Any:
    """The state of one stream, by its name.

    >>> state_of(EMPTY, STREAMS[0].name) == STREAMS[0].start
    True
    """
    i = next(i for i, stream in enumerate(STREAMS) if stream.name == name)
    return _decoders[i].decode((course.states or _starts)[i])


encode_course = _encode
decode_course = msgspec.msgpack.Decoder(Course).decode
