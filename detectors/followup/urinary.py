"""Urinary symptoms: a symptom scale that rises into a worse band, and blood in the urine."""

from __future__ import annotations

from dataclasses import dataclass, fields

import msgspec

from detectors.followup.finding import Finding, Level
from detectors.followup.record import Observed
from detectors.followup.stream import Stream
from schemas.followup import Urinary

SYMPTOMS, BLOOD = "Lower urinary tract symptoms", "Haematuria"
BANDS = ("mild", "moderate", "severe")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The least score of the moderate and of the severe band, by instrument.

    OABSS 6 and 12 (Int Neurourol J), IPSS 8 and 20 (ICS 2018 abstract 246; men seeking care band
    better at 15 and 27). ICSI and ICPI have no published bands: 6 and 11, 5 and 10 are ours, the
    upper ones near the means of ketamine users in rehabilitation, 10.96 and 9.73 (Sci Rep 2019
    9:7240). BPIC-SS 19 (Humphrey 2012) is unverified, its lower bound of 10 ours.
    """

    oabss: tuple[float, float] = (6, 12)
    ipss: tuple[float, float] = (8, 20)
    icsi: tuple[float, float] = (6, 11)
    icpi: tuple[float, float] = (5, 10)
    bpic_ss: tuple[float, float] = (10, 19)

    def bands(self, instrument: str) -> tuple[float, float] | None:
        """Those of an instrument, None where it has none.

        >>> Parameters().bands("BPIC-SS"), Parameters().bands("other")
        ((10, 19), None)
        """
        name = instrument.lower().replace("-", "_")
        return getattr(self, name) if name in INSTRUMENTS else None


INSTRUMENTS = frozenset(one.name for one in fields(Parameters))


class Scale(msgspec.Struct, frozen=True):
    """One instrument: its first score, a rise that waits for a second visit, what was said."""

    first: float
    first_record: str
    rise_day: int = 0
    rise_record: str = ""
    said: tuple[str, ...] = ()


class State(msgspec.Struct, frozen=True):
    """By instrument, and whether there has been blood in the urine."""

    scales: dict[str, Scale] = {}
    blood: bool = False


def urinary(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One urinary record.

    The first score of an instrument is the baseline. A score in a worse band than the baseline's
    is a note; on a second visit it is a finding, and at once where the band is severe. Scores are
    not diagnoses: they count as symptoms, whose background is far above that of diagnosed
    cystitis. The first haematuria is a finding. Scores in points of the instrument, days as
    ordinals; instruments that have no bands are kept and say nothing.
    Source: see `Parameters`; Winstock et al., BJU Int 2012;110:1762-6 (dose and frequency).
    Verified against worked examples by hand: `tests/detectors/followup/test_urinary.py`.

    >>> from detectors.followup.record import observed
    >>> def visit(day: int, score: float) -> Observed:
    ...     return observed(Urinary(registry="r", record_id=str(day), patient="p", course="c",
    ...         at=f"2025-07-{day:02}", kind="urinary", instrument="OABSS", score=score))
    >>> state, none = urinary(State(), visit(1, 3), Parameters())
    >>> state, (found,) = urinary(state, visit(8, 12), Parameters())
    >>> none, found.level, found.explanation
    ((), 'finding', 'OABSS 12 (severe, from 12), 3 at the first visit (mild)')
    """
    record = observed.record
    assert isinstance(record, Urinary)
    found: list[Finding] = []
    if record.haematuria and not state.blood:
        state = msgspec.structs.replace(state, blood=True)
        found.append(
            _finding(
                observed,
                "haematuria",
                BLOOD,
                level="finding",
                records=(observed.id,),
                explanation="blood in the urine",
            )
        )
    name = (record.instrument or "").upper()
    bands = parameters.bands(name)
    if bands is None or record.score is None:
        return state, tuple(found)
    scale = state.scales.get(name)
    if scale is None:
        return _with(state, name, Scale(record.score, observed.id)), tuple(found)
    before, now = _band(scale.first, bands), _band(record.score, bands)
    if now <= before:
        calm = Scale(scale.first, scale.first_record, said=scale.said)
        return _with(state, name, calm), tuple(found)
    text = (
        f"{name} {record.score:g} ({BANDS[now]}, from {bands[now - 1]:g}), "
        f"{scale.first:g} at the first visit ({BANDS[before]})"
    )
    repeated = 0 < scale.rise_day < observed.day
    rests_on = [scale.first_record, observed.id]
    if repeated:
        rests_on.insert(1, scale.rise_record)
    level: Level = "finding" if repeated or now == 2 else "note"
    what = f"{level} {BANDS[now]}"
    if what not in scale.said:  # once, so that the day of a finding never moves
        found.append(
            _finding(
                observed,
                "symptoms_worse" if level == "finding" else "symptoms_worse_once",
                SYMPTOMS,
                level=level,
                records=tuple(rests_on),
                explanation=text,
                anchor=f"{name} {BANDS[now]}",
            )
        )
        scale = msgspec.structs.replace(scale, said=(*scale.said, what))
    if not scale.rise_day:
        scale = msgspec.structs.replace(scale, rise_day=observed.day, rise_record=observed.id)
    return _with(state, name, scale), tuple(found)


def _with(state: State, name: str, scale: Scale) -> State:
    return msgspec.structs.replace(state, scales=state.scales | {name: scale})


def _band(score: float, bands: tuple[float, float]) -> int:
    return sum(score >= bound for bound in bands)


def _finding(
    observed: Observed,
    code: str,
    event: str,
    *,
    level: Level,
    records: tuple[str, ...],
    explanation: str,
    anchor: str = "",
) -> Finding:
    return Finding("urinary", code, event, observed.day, level, records, explanation, anchor=anchor)


STREAM = Stream(
    name="urinary",
    kinds=frozenset({"urinary"}),
    start=State(),
    step=urinary,
    parameters=Parameters(),
    events={"haematuria": BLOOD, "symptoms_worse": SYMPTOMS, "symptoms_worse_once": SYMPTOMS},
)
