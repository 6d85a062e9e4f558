"""Follow-up records: one dated measurement, dose, dispensing, enrolment or exit of a course.

A patient course is `registry` + `patient` + `course`. Each kind has fields of its own; units
stand in the names.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.report import Biomarker, Identifier, Phase, Pseudonym, Setting, Status, Strict, Text
from schemas.times import Moment

Minutes = Annotated[float, Field(ge=-1440, le=2880, description="minutes after the dose began")]


class _Record(Strict):
    registry: Identifier = Field(description="who sends it; must be the name of the key")
    record_id: Identifier
    version: int | None = Field(None, ge=0, le=2**31 - 1)
    status: Status = "active"
    patient: Pseudonym = Field(description="pseudonym")
    course: Identifier
    at: Moment = Field(description="when it was measured, given or decided")
    biomarkers: tuple[Biomarker, ...] = Field((), max_length=200)

    def moments(self) -> list[tuple[str, str]]:
        """Every moment in it with its path."""
        return [("at", self.at)] + [
            (f"biomarkers[{i}].at", marker.at)
            for i, marker in enumerate(self.biomarkers)
            if marker.at
        ]

    @property
    def case(self) -> tuple[str, str]:
        """What identifies the record over its versions."""
        return self.registry, self.record_id

    @property
    def information_date(self) -> str:
        """The moment that orders versions of the same number."""
        return self.at


class Enrolment(_Record):
    """The course begins; from here on the patient is at risk."""

    kind: Literal["enrolment"]
    product: Text
    route: Text | None = None
    setting: Setting | None = None
    indication: Text | None = None
    age_years: float | None = Field(None, ge=0, le=130)
    sex: Literal["female", "male", "other", "unknown"] | None = None
    weight_kg: float | None = Field(None, gt=0, le=600)
    planned_dose_mg: float | None = Field(None, ge=0)
    planned_interval_days: float | None = Field(None, gt=0)


class Dose(_Record):
    """One session."""

    kind: Literal["dose"]
    product: Text
    dose_mg: float = Field(ge=0)
    route: Text | None = None
    setting: Setting | None = None
    phase: Phase | None = None
    formulation: Text | None = None
    duration_minutes: float | None = Field(None, ge=0, le=10080)


class VitalSigns(_Record):
    """Blood pressure (mmHg), heart rate, oxygen saturation, QTc; `minutes` None: at rest."""

    kind: Literal["vital_signs"]
    minutes: Minutes | None = None
    systolic_mmhg: float | None = Field(None, ge=30, le=350)
    diastolic_mmhg: float | None = Field(None, ge=10, le=250)
    heart_rate_bpm: float | None = Field(None, ge=10, le=350)
    spo2_percent: float | None = Field(None, ge=0, le=100)
    qtc_ms: float | None = Field(None, ge=200, le=900)


class Dissociation(_Record):
    """CADSS total, 0 to 92."""

    kind: Literal["dissociation"]
    minutes: Minutes | None = None
    instrument: Literal["CADSS"] = "CADSS"
    score: float = Field(ge=0, le=92)


class Sedation(_Record):
    """MOAA/S, 5 alert to 0 no response."""

    kind: Literal["sedation"]
    minutes: Minutes | None = None
    instrument: Literal["MOAA/S"] = "MOAA/S"
    score: float = Field(ge=0, le=5)


class Cognitive(_Record):
    """One measure of one cognitive test."""

    kind: Literal["cognitive"]
    instrument: Text
    measure: Text | None = None
    score: float
    form: Text | None = None
    setting: Setting | None = None


class Mood(_Record):
    """A total of a depression or anxiety scale (PHQ-9, MADRS, QIDS-SR16, GAD-7)."""

    kind: Literal["mood"]
    instrument: Text
    score: float = Field(ge=0)


class Suicidality(_Record):
    """C-SSRS ideation level 0 to 5 and behaviour, or PHQ-9 item 9 (0 to 3)."""

    kind: Literal["suicidality"]
    instrument: Text = "C-SSRS"
    ideation: int | None = Field(None, ge=0, le=5)
    behaviour: bool | None = None
    item_score: int | None = Field(None, ge=0, le=10)


class Urinary(_Record):
    """A urinary symptom scale (OABSS, IPSS, ICSI, ICPI, BPIC-SS) or haematuria."""

    kind: Literal["urinary"]
    instrument: Text | None = None
    score: float | None = Field(None, ge=0, le=60)
    haematuria: bool | None = None


class Liver(_Record):
    """Liver tests in multiples of the upper limit of normal."""

    kind: Literal["liver"]
    alt_xuln: float | None = Field(None, ge=0)
    ast_xuln: float | None = Field(None, ge=0)
    alp_xuln: float | None = Field(None, ge=0)
    ggt_xuln: float | None = Field(None, ge=0)
    bilirubin_xuln: float | None = Field(None, ge=0)
    inr: float | None = Field(None, ge=0)


class Dispensing(_Record):
    """A supply handed out; prescriber and dispenser by pseudonym."""

    kind: Literal["dispensing"]
    product: Text
    quantity_mg: float | None = Field(None, ge=0)
    days_supply: float | None = Field(None, ge=0)
    prescriber: Pseudonym | None = None
    dispenser: Pseudonym | None = None
    setting: Setting | None = None
    compounded: bool | None = None
    lost_doses: int | None = Field(None, ge=0)
    returned_doses: int | None = Field(None, ge=0)


class MisuseScreen(_Record):
    """A misuse or dependence scale (DAST-10, SDS)."""

    kind: Literal["misuse_screen"]
    instrument: Text
    score: float = Field(ge=0)


class BiomarkerRecord(_Record):
    """Laboratory, genotype or imaging values alone."""

    kind: Literal["biomarker"]


class Exit(_Record):
    """The course ends."""

    kind: Literal["exit"]
    reason: Literal[
        "completed", "adverse_event", "no_efficacy", "withdrawn", "lost", "death", "other"
    ]


Followup = Annotated[
    Enrolment
    | Dose
    | VitalSigns
    | Dissociation
    | Sedation
    | Cognitive
    | Mood
    | Suicidality
    | Urinary
    | Liver
    | Dispensing
    | MisuseScreen
    | BiomarkerRecord
    | Exit,
    Field(discriminator="kind"),
]

FOLLOWUP: TypeAdapter[Followup] = TypeAdapter(Followup)
