"""One battery for every stream: it finds them, so a new one is tested by being there."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import followup
from detectors.disproportionality.method import from_json, to_json
from detectors.followup import STREAMS, Stream
from detectors.followup.course import (
    EMPTY,
    Course,
    decode_course,
    encode_course,
    fold,
    state_of,
)
from detectors.followup.record import Observed, observed
from schemas.followup import FOLLOWUP

START = date(2024, 1, 1)
STREAM = pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)


def found() -> list[Stream]:
    modules = [
        importlib.import_module(f"{followup.__name__}.{module.name}")
        for module in pkgutil.iter_modules(followup.__path__)
    ]
    return [module.STREAM for module in modules if hasattr(module, "STREAM")]


def _values(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Fields of a record of a kind, wide enough to reach every threshold."""

    def some(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.one_of(st.none(), strategy))

    minutes = st.sampled_from([None, -30.0, -5.0, 20.0, 40.0, 90.0, 121.0, 240.0])
    product = st.sampled_from(["Spravato", "ketamine hcl", "sertraline"])
    setting = st.sampled_from([None, "clinic", "home", "telehealth"])
    route = st.sampled_from([None, "intranasal", "intravenous", "sublingual"])
    match kind:
        case "enrolment":
            return {
                "product": draw(product),
                "route": draw(route),
                "setting": draw(setting),
                "indication": some(st.sampled_from(["TRD", "PTSD"])),
                "age_years": some(st.sampled_from([17, 44, 70])),
                "sex": some(st.sampled_from(["female", "male"])),
                "weight_kg": some(st.sampled_from([60, 90])),
                "planned_dose_mg": some(st.sampled_from([28, 56, 84])),
                "planned_interval_days": some(st.sampled_from([3.5, 7, 14])),
            }
        case "dose":
            return {
                "product": draw(product),
                "dose_mg": draw(st.sampled_from([0, 28, 56, 84, 150, 400])),
                "route": draw(route),
                "setting": draw(setting),
                "phase": some(st.sampled_from(["induction", "maintenance"])),
            }
        case "vital_signs":
            return {
                "minutes": draw(minutes),
                "systolic_mmhg": some(st.sampled_from([118, 139, 152, 166, 185, 220])),
                "diastolic_mmhg": some(st.sampled_from([70, 88, 95, 104, 125])),
                "heart_rate_bpm": some(st.sampled_from([45, 80, 130])),
                "spo2_percent": some(st.sampled_from([85, 97])),
                "qtc_ms": some(st.sampled_from([400, 465, 510])),
            }
        case "dissociation":
            return {"minutes": draw(minutes), "score": draw(st.sampled_from([0, 3, 8, 30, 60]))}
        case "sedation":
            return {"minutes": draw(minutes), "score": draw(st.sampled_from([0, 2, 3, 4, 5]))}
        case "cognitive":
            return {
                "instrument": draw(st.sampled_from(["MoCA", "HVLT-R", "Cogstate", "other"])),
                "measure": some(
                    st.sampled_from(["total", "total_recall", "detection", "one_card"])
                ),
                "score": draw(st.sampled_from([1.0, 2.6, 14.0, 20.0, 24.0, 28.0])),
                "setting": draw(setting),
            }
        case "mood":
            return {
                "instrument": draw(st.sampled_from(["PHQ-9", "MADRS", "QIDS-SR16", "GAD-7"])),
                "score": draw(st.sampled_from([2, 8, 14, 21, 27])),
            }
        case "suicidality":
            return {
                "instrument": draw(st.sampled_from(["C-SSRS", "PHQ-9"])),
                "ideation": some(st.integers(0, 5)),
                "behaviour": some(st.booleans()),
                "item_score": some(st.integers(0, 3)),
            }
        case "urinary":
            return {
                "instrument": draw(st.sampled_from(["OABSS", "IPSS", "BPIC-SS", "other"])),
                "score": some(st.sampled_from([2, 7, 13, 21])),
                "haematuria": some(st.booleans()),
            }
        case "liver":
            return {
                name: some(st.sampled_from([0.8, 1.7, 2.2, 3.4, 6.0, 9.0]))
                for name in (
                    "alt_xuln",
                    "ast_xuln",
                    "alp_xuln",
                    "ggt_xuln",
                    "bilirubin_xuln",
                    "inr",
                )
            }
        case "dispensing":
            return {
                "product": draw(product),
                "quantity_mg": some(st.sampled_from([84, 800, 3000])),
                "days_supply": some(st.sampled_from([7, 28, 30])),
                "prescriber": some(st.sampled_from(["d1", "d2", "d3", "d4", "d5", "d6"])),
                "dispenser": some(st.sampled_from(["f1", "f2", "f3", "f4", "f5", "f6"])),
                "setting": draw(setting),
                "compounded": some(st.booleans()),
                "lost_doses": some(st.integers(0, 3)),
                "returned_doses": some(st.integers(0, 3)),
            }
        case "misuse_screen":
            return {
                "instrument": draw(st.sampled_from(["DAST-10", "SDS", "other"])),
                "score": draw(st.sampled_from([0, 2, 4, 7, 10])),
            }
        case "exit":
            return {"reason": draw(st.sampled_from(["completed", "lost", "death"]))}
    return {}


KINDS = tuple(sorted({kind for stream in STREAMS for kind in stream.kinds} | {"biomarker"}))


@st.composite
def records(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS, largest: int = 25) -> list[Observed]:
    """Records of one course, each with an id of its own, in any order."""
    out = []
    for number in range(draw(st.integers(1, largest))):
        kind = draw(st.sampled_from(kinds))
        day = (START + timedelta(days=draw(st.integers(0, 400)))).isoformat()
        at = day + draw(st.sampled_from(["", "T09:00:00Z", "T09:40:00Z", "T16:30:00Z"]))
        common = {
            "registry": "r",
            "record_id": f"r{number}",
            "patient": "p",
            "course": "c",
            "at": at,
            "kind": kind,
        }
        values = {k: v for k, v in _values(draw, kind).items() if v is not None}
        record = FOLLOWUP.validate_python(common | values)
        coded = {"Spravato": "esketamine", "ketamine hcl": "ketamine"}
        name = values.get("product", "")
        out.append(observed(record, product=coded.get(name, name), route=values.get("route") or ""))
    return out


def test_every_stream_is_registered() -> None:
    assert [s.name for s in STREAMS] == sorted(s.name for s in found())


@settings(max_examples=150, deadline=None)
@given(given_records=records(), data=st.data())
def test_the_arrival_of_records_changes_nothing(
    given_records: list[Observed], data: st.DataObject
) -> None:
    """One by one in any order, repeats and corrections among them, replayed where one is late."""
    versions = {one.id: one for one in given_records}
    for one in data.draw(records(largest=6)):  # corrections: the same ids, other content
        if one.id in versions:
            versions[one.id] = one
    arrivals = [(one, False) for one in given_records] + [(one, True) for one in versions.values()]
    arrivals = data.draw(st.permutations(arrivals))
    held: dict[str, tuple[Observed, bool]] = {}
    course = EMPTY
    for one, newest in arrivals:
        if one.id in held and (held[one.id][1] or not newest):
            continue
        known = one.id in held
        held[one.id] = (one, newest)
        if known or not course.follows(one):
            course = fold([version for version, _ in held.values()])
        else:
            course = fold([one], course)
    assert course == fold(versions.values())


@settings(max_examples=60, deadline=None)
@given(given_records=records(), cut=st.integers(0, 25))
def test_in_two_parts_is_as_at_once(given_records: list[Observed], cut: int) -> None:
    ordered = sorted(given_records, key=lambda one: one.order)
    first = decode_course(encode_course(fold(ordered[:cut])))
    assert fold(ordered[cut:], first) == fold(ordered)


@settings(max_examples=100, deadline=None)
@given(given_records=records())
def test_findings_rest_on_records_of_the_course_and_say_so(given_records: list[Observed]) -> None:
    course = fold(given_records)
    ids = {one.id: one for one in given_records}
    events = {stream.name: stream.events for stream in STREAMS}
    for finding in course.findings:
        assert finding.records
        assert set(finding.records) <= ids.keys()
        assert finding.event == events[finding.stream][finding.code]
        # what became true on a day rests on nothing later
        assert max(ids[name].day for name in finding.records) <= finding.day
        assert finding.explanation
        assert "nan" not in finding.explanation.lower()
        assert "inf" not in finding.explanation.lower().split()


@STREAM
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_state_goes_through_messagepack(stream: Stream, data: st.DataObject) -> None:
    course = fold(data.draw(records(tuple(sorted(stream.kinds)))))
    state = state_of(course, stream.name)
    packed = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.decode(packed, type=type(stream.start)) == state
    assert not any(math.isnan(v) or math.isinf(v) for v in _floats(msgspec.to_builtins(state)))


def _floats(value: Any) -> list[float]:
    if isinstance(value, float):
        return [value]
    if isinstance(value, dict):
        return [x for one in (*value, *value.values()) for x in _floats(one)]
    return [x for one in value for x in _floats(one)] if isinstance(value, list) else []


@STREAM
def test_the_docstring_says_what_it_rests_on(stream: Stream) -> None:
    doc = inspect.getdoc(stream.step) or ""
    for word in ("Source:", "Verified against", ">>>"):
        assert word in doc
    assert stream.parameters.__class__.__doc__


@STREAM
def test_parameters_go_through_json(stream: Stream) -> None:
    assert from_json(stream.parameters, to_json(stream.parameters)) == stream.parameters


def test_a_record_before_others_is_refused_where_it_cannot_be_stepped() -> None:
    late, early = (
        observed(
            FOLLOWUP.validate_python(
                {
                    "registry": "r",
                    "record_id": day,
                    "patient": "p",
                    "course": "c",
                    "at": day,
                    "kind": "biomarker",
                }
            )
        )
        for day in ("2025-07-03", "2025-07-02")
    )
    course = fold([late])
    assert not course.follows(early)
    with pytest.raises(ValueError, match="replay"):
        fold([early], course)
    assert fold([], course) == course
    assert isinstance(course, Course)
