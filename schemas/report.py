"""A report: one individual case safety report (ICSR) as a registry or clinic sends it.

Numbers in brackets name the ICH E2B(R3) element that a field corresponds to.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.identifiers import identifies, is_direct
from schemas.times import Moment

# white space alone is stripped to nothing
_SAYS = Field(json_schema_extra={"pattern": r"[^\s\u0085]"})
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=250), _SAYS]
Identifier = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), _SAYS
]


def _pseudonym(given: str) -> str:
    if is_direct(given):
        raise PydanticCustomError(
            "direct_identifier",
            "an e-mail address, a telephone number or a date is no pseudonym; send one that leads "
            "to nobody",
        )
    return given


Pseudonym = Annotated[Identifier, AfterValidator(_pseudonym)]

ReportType = Literal["spontaneous", "solicited", "study", "other", "unknown"]
Status = Literal["active", "nullified"]
Role = Literal["suspect", "interacting", "concomitant", "unknown"]
Phase = Literal["induction", "maintenance"]
Setting = Literal["clinic", "home", "telehealth"]
Challenge = Literal["positive", "negative", "unknown", "not_done"]
Outcome = Literal["recovered", "recovering", "not_recovered", "sequelae", "fatal", "unknown"]
Seriousness = Literal[
    "death",
    "life_threatening",
    "hospitalisation",
    "disability",
    "congenital_anomaly",
    "other_medically_important",
]
Reporter = Literal[
    "physician", "pharmacist", "other_health_professional", "lawyer", "consumer", "unknown"
]


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know, direct identifiers by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_direct_identifier(cls, data: Any) -> Any:
        if isinstance(data, dict):
            # refused by name, so that the sender learns why
            for field in data.keys() - cls.__pydantic_fields__.keys():
                if isinstance(field, str) and identifies(field):
                    raise PydanticCustomError(
                        "direct_identifier",
                        "the field {field} can identify a person; send a pseudonym only",
                        {"field": field},
                    )
        return data


class Patient(Strict):
    """Who was treated, by pseudonym (D.1 to D.5)."""

    pseudonym: Pseudonym | None = None
    age_years: float | None = Field(None, ge=0, description="age at onset, years (D.2.2)")
    sex: Literal["female", "male", "other", "unknown"] | None = None
    weight_kg: float | None = Field(None, gt=0, description="weight, kg (D.3)")


class Product(Strict):
    """A product as given, with the role the sender gives it (G.k)."""

    name: Text = Field(description="as reported (G.k.2.2); coding never overwrites it")
    role: Role = Field("unknown", description="unknown counts as suspect (G.k.1)")
    route: Text | None = Field(
        None, description="intravenous, intranasal, oral, sublingual, intramuscular, ...; verbatim"
    )
    dose_mg: float | None = Field(None, ge=0, description="one dose, mg (G.k.4.r.1)")
    indication: Text | None = Field(None, description="verbatim (G.k.7)")
    phase: Phase | None = None
    setting: Setting | None = None
    formulation: Text | None = None
    started_at: Moment | None = Field(None, description="G.k.4.r.4")
    stopped_at: Moment | None = Field(None, description="G.k.4.r.5")
    dechallenge: Challenge | None = None
    rechallenge: Challenge | None = Field(None, description="G.k.9.i.4")


class Reaction(Strict):
    """What happened (E.i)."""

    term: Text = Field(description="as reported or a MedDRA preferred term (E.i.1.1, E.i.2.1)")
    onset_at: Moment | None = Field(None, description="E.i.4")
    outcome: Outcome | None = Field(None, description="E.i.7")
    seriousness: tuple[Seriousness, ...] = Field((), description="E.i.3.2")


class Biomarker(Strict):
    """A laboratory, genotype or imaging value."""

    name: Text
    value: float | Text
    unit: Text | None = None
    at: Moment | None = None


class Report(Strict):
    """One version of one case.

    A case is `sender` + `report_id`; its versions are ordered by (`version` or 0, `received_at`,
    `created_at`, content hash). A nullification needs neither products nor reactions.

    >>> report = Report(
    ...     sender="clinic-a",
    ...     report_id="A-1",
    ...     received_at="2025-07-03",
    ...     products=[{"name": "Spravato", "role": "suspect"}],
    ...     reactions=[{"term": "Dissociation"}],
    ... )
    >>> report.status
    'active'
    """

    sender: Identifier = Field(description="who sends it; must be the name of the key")
    report_id: Identifier = Field(description="the sender's id of the case (C.1.1)")
    version: int | None = Field(None, ge=0, le=2**31 - 1)
    status: Status = Field("active", description="nullified: the whole case is void (C.1.11)")
    received_at: Moment = Field(description="most recent information (C.1.5)")
    first_received_at: Moment | None = Field(None, description="C.1.4")
    created_at: Moment | None = Field(
        None,
        description="when the sender made this version (C.1.2); orders those of one received_at",
    )
    report_type: ReportType = Field("unknown", description="C.1.3")
    reporter: Reporter | None = Field(None, description="C.2.r.4")
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        None, description="ISO 3166-1 alpha-2 (C.2.r.3)"
    )
    external_ids: tuple[Identifier, ...] = Field(
        (),
        max_length=50,
        description=(
            "ids of this case elsewhere (C.1.8.1, C.1.9.1, C.1.10); reports of several senders "
            "that name a common one, or one the other's `report_id`, count once"
        ),
    )
    patient: Patient | None = None
    products: tuple[Product, ...] = Field((), max_length=500)
    reactions: tuple[Reaction, ...] = Field((), max_length=500)
    biomarkers: tuple[Biomarker, ...] = Field((), max_length=200)
    narrative: str | None = Field(
        None, max_length=100_000, description="sealed; never in a metric, log or alert (H.1)"
    )

    @model_validator(mode="after")
    def _active_has_content(self) -> Report:
        if self.status == "active":
            if not self.products:
                raise PydanticCustomError("no_product", "a report needs at least one product")
            if not self.reactions:
                raise PydanticCustomError("no_reaction", "a report needs at least one reaction")
        return self

    def moments(self) -> list[tuple[str, str]]:
        """Every moment in it with its path, to be judged against the time it was taken."""
        found = [("received_at", self.received_at)]
        for field, moment in (
            ("first_received_at", self.first_received_at),
            ("created_at", self.created_at),
        ):
            if moment:
                found.append((field, moment))
        for i, product in enumerate(self.products):
            if product.started_at:
                found.append((f"products[{i}].started_at", product.started_at))
        for i, reaction in enumerate(self.reactions):
            if reaction.onset_at:
                found.append((f"reactions[{i}].onset_at", reaction.onset_at))
        for i, marker in enumerate(self.biomarkers):
            if marker.at:
                found.append((f"biomarkers[{i}].at", marker.at))
        return found

    @property
    def case(self) -> tuple[str, str]:
        """What identifies the case."""
        return self.sender, self.report_id

    @property
    def information_date(self) -> str:
        """What orders versions of the same number: `received_at`, then `created_at` if stated."""
        return f"{self.received_at}/{self.created_at}" if self.created_at else self.received_at
