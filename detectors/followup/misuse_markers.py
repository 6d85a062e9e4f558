"""Markers of misuse: thresholds and points, what is kept of a course, plan and screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from detectors.followup.beginning import KETAMINE, Mark, Treatment
from detectors.followup.misuse_evidence import Evidence, Fading
from detectors.followup.record import Observed
from detectors.followup.supply import Fill, Stock
from schemas.followup import Enrolment, MisuseScreen

HOME = ("home", "telehealth")
Seen = tuple["State", list[Evidence]]


class Scale(NamedTuple):
    """A screening scale: name, marker, largest score, least score and points of each band."""

    name: str
    marker: str
    largest: float
    bounds: tuple[float, ...]
    points: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Thresholds and points; unless a source is named, points, spans and thresholds are ours.

    - Levels 1, 2, 3 from 1, 4, 6 points; points count in full for 90 days, by half to 180, the six
      months of the published look-backs (Schneberk 2020, doi 10.1371/journal.pone.0232533).
    - Early refill: under 85 % of an earlier fill's days of supply used, on two days within the 180
      (85 %: CDC 2015 as cited by EDC; 15 % early: Kern 2020, doi 10.1093/pm/pnaa161, where 71 to
      78 % of early refillers did it once; "on two occasions" unverified).
    - Overlap: 7 days or more of an earlier fill are left (unverified).
    - Dose: over 1.5 times the lowest of the product and route in 90 days and over the plan
      (unverified); the plan itself counts as such a dose. Without a plan esketamine nasal spray may
      rise to 84 mg (label). Frequency: the last four days of dosing, not of induction, lie so
      close that the rate is over 1.5 times the plan's; weeks 1 to 4 count as induction where no
      phase is given (label). Doses not known to be taken at home have `supervised_points`: there
      a prescriber decides.
    - Providers: as many prescribers and as many dispensers in 180 days, 5 of each the usual figure
      (unverified; Schneberk has 6 prescribers), 3 of each the weaker one.
    - Lost doses: any, or three at once or a second time in 180 days. Unaccounted: 2 doses or more
      that were handed out, are not used by the plan and neither returned nor lost.
    - Compounded product at home: FDA alerts of 16 Feb 2022 and 10 Oct 2023. Esketamine nasal spray
      at home: never dispensed to a patient (Spravato REMS).
    - DAST-10 from 3 moderate, 6 substantial, 9 severe (comorbidityguidelines.org.au, table 69).
      SDS from 4: no cut-off for ketamine is published (Tung 2014, East Asian Arch Psychiatry
      24:156); other drugs have 3 to 5. A band already reached before treatment gives 1 point.
    """

    products: tuple[str, ...] = KETAMINE
    level_points: tuple[float, ...] = (1, 4, 6)
    full_days: int = 90
    gone_days: int = 180
    early_share: float = 0.85
    early_points: float = 2
    overlap_days: float = 7
    overlap_points: float = 1
    dose_ratio: float = 1.5
    dose_days: int = 90
    dose_points: float = 2
    supervised_points: float = 1
    frequency_ratio: float = 1.5
    frequency_intervals: int = 3
    frequency_points: float = 2
    induction_days: int = 28
    clinic_only: str = "esketamine"
    clinic_only_route: str = "intranasal"
    clinic_only_label_mg: float = 84
    diversion_points: float = 4
    providers: tuple[int, ...] = (3, 5)
    provider_points: tuple[float, ...] = (2, 4)
    lost_doses: int = 3
    lost_points: tuple[float, ...] = (1, 2)
    unaccounted_doses: float = 2
    unaccounted_points: float = 2
    compounded_points: float = 1
    dast: tuple[float, ...] = (3, 6, 9)
    dast_points: tuple[float, ...] = (2, 4, 6)
    sds: tuple[float, ...] = (4,)
    sds_points: tuple[float, ...] = (4,)
    known_points: float = 1
    wait_days: int = 28

    def scale(self, instrument: str) -> Scale | None:
        """A screening scale by the name that a record gives it, None where it is not one.

        >>> Parameters().scale("DAST-10").bounds, Parameters().scale("AUDIT")
        ((3, 6, 9), None)
        """
        name = instrument.upper().replace("-", "").replace(" ", "")
        if name == "DAST10":
            return Scale("DAST-10", "abuse_scale", 10, self.dast, self.dast_points)
        if name == "SDS":
            return Scale("SDS", "dependence_scale", 15, self.sds, self.sds_points)
        return None

    @property
    def fading(self) -> Fading:
        """How long points last."""
        return Fading(self.full_days, self.gone_days)


class Plan(msgspec.Struct, frozen=True, array_like=True):
    """What an enrolment says of product, route, setting, dose and interval."""

    record: str = ""
    product: str = ""
    route: str = ""
    setting: str = ""
    dose_mg: float | None = None
    interval_days: float | None = None


class State(msgspec.Struct, frozen=True):
    """What later records are held against; nothing older than the window of its rule."""

    treatment: Treatment = Treatment()
    plan: Plan = Plan()
    lowest: dict[str, tuple[Mark, ...]] = {}
    days: tuple[Mark, ...] = ()
    fills: tuple[Fill, ...] = ()
    early: Evidence | None = None
    lost: Mark | None = None
    stock: Stock = Stock()
    prescribers: dict[str, Mark] = {}
    dispensers: dict[str, Mark] = {}
    bands: dict[str, int] = {}
    evidence: tuple[Evidence, ...] = ()


def planned(state: State, observed: Observed, record: Enrolment) -> State:
    """After an enrolment: a new interval starts its days anew, a new plan the doses in hand."""
    plan = Plan(
        observed.id,
        observed.product,
        observed.route,
        record.setting or "",
        record.planned_dose_mg or None,
        record.planned_interval_days,
    )
    same = plan.interval_days == state.plan.interval_days
    return replace(state, plan=plan, days=state.days if same else (), stock=Stock())


def screened(
    state: State, observed: Observed, record: MisuseScreen, parameters: Parameters
) -> Seen:
    """After a screen: the band of its score, new or already there before treatment."""
    scale = parameters.scale(record.instrument)
    if scale is None or record.score > scale.largest:
        return state, []
    band = band_of(record.score, scale.bounds)
    known = state.bands.get(scale.marker, 0)
    if state.treatment.untreated(observed.day, 0, parameters.wait_days):
        known = max(known, band)
        state = replace(state, bands=state.bands | {scale.marker: known})
    if band == 0:
        return state, []
    new = band > known
    text = f"{scale.name} {record.score:g} (from {scale.bounds[band - 1]:g})"
    return state, [
        marked(
            observed,
            scale.marker,
            scale.points[band - 1] if new else parameters.known_points,
            text if new else f"{text}, no worse than before treatment",
        )
    ]


def marked(observed: Observed, marker: str, points: float, text: str, *earlier: str) -> Evidence:
    """A marker seen today, resting on this record and on earlier ones, "" among them left out."""
    # float: a state must be the same bytes whether or not it went through MessagePack
    records = dict.fromkeys(name for name in (*earlier, observed.id) if name)
    return Evidence(marker, float(points), observed.day, tuple(records), text)


def diversion(observed: Observed, parameters: Parameters, how: str) -> Evidence:
    """A product that is for the clinic alone, at home."""
    text = f"{parameters.clinic_only} {parameters.clinic_only_route} {how} at home"
    return marked(observed, "diversion", parameters.diversion_points, text)


def planned_route(state: State, observed: Observed) -> str:
    """The route that the plan has for this product, "" where it has none."""
    return state.plan.route if state.plan.product == observed.product else ""


def band_of(value: float, bounds: tuple[float, ...]) -> int:
    """How many of the bounds a value reaches.

    >>> [band_of(score, (3, 6, 9)) for score in (2, 3, 8, 9)]
    [0, 1, 2, 3]
    """
    return sum(value >= bound for bound in bounds)
