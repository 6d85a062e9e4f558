"""What whole courses are drawn from, and what can be planted in them; see the two TOML files."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar

import msgspec

from streams.simulate.cohort.measures import (
    Acute,
    Amiss,
    Cognition,
    CognitiveTest,
    Form,
    Liver,
    Mood,
    Pair,
    Pressure,
    Suicidality,
    Supply,
    Urinary,
)


class Arm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way of being treated; `leave`: the chance of leaving after a session, up to a number."""

    name: str
    registry: str
    product: str
    names: tuple[str, ...]
    route: str
    share: float
    indications: dict[str, float]
    mood: tuple[str, ...]
    suicidality: str
    urinary: tuple[str, ...]
    cognition: tuple[str, ...]
    liver: bool = False
    setting: Literal["clinic", "home"] | None = None
    formulation: str | None = None
    induction: tuple[tuple[int, ...], ...] = ()
    induction_sessions: int | None = None
    intervals: dict[str, float] = {}
    leave: tuple[tuple[int, float], ...] = ()
    stop: float = 0.0
    leave_a_year: float = 0.0
    dose_mg: dict[str, float] = {}
    first_dose_mg: float | None = None
    mg_per_kg: float | None = None
    dose_minutes: dict[str, float] = {}
    absorbed: float = 0.0
    compounded: bool = False

    @property
    def home(self) -> bool:
        """Whether it is taken at home, so that supplies are handed out."""
        return self.setting == "home"


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is treated."""

    age: float
    age_sd: float
    women: float
    weight: Pair
    weight_sd: float
    stimulant: float
    carrier: float
    metaboliser: tuple[float, float, float]
    markers_missing: float


class Stay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Coming, going, staying away."""

    missed: float
    pause: float
    death: float
    reasons: dict[str, float]
    silent: float
    aftercare: float
    harmed: float


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything of figures.toml."""

    arm: tuple[Arm, ...]
    patients: People
    stay: Stay
    acute: Acute
    pressure: Pressure
    form: Form
    test: tuple[CognitiveTest, ...]
    cognition: Cognition
    mood: Mood
    suicidality: Suicidality
    urinary: Urinary
    liver: Liver
    supply: Supply
    amiss: Amiss


class Harm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that can be planted; `none` is the strength at which there is nothing."""

    name: str
    event: str
    streams: tuple[str, ...]
    unit: str
    strengths: tuple[float, float, float]
    none: float
    arms: tuple[str, ...]
    why: str
    marker: str = ""
    above_mg: float = 0.0
    after_days: int = 0


class _Harms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    harm: tuple[Harm, ...]


_T = TypeVar("_T")


def _read(name: str, kind: type[_T]) -> _T:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    found: Any = msgspec.convert(tomllib.loads(text), kind)
    return found  # type: ignore[no-any-return]


@cache
def figures() -> Figures:
    """The figures."""
    return _read("figures.toml", Figures)


@cache
def harms() -> dict[str, Harm]:
    """What can be planted, by name.

    >>> list(harms())
    ['cystitis', 'cognition', 'stimulant', 'misuse']
    """
    return {harm.name: harm for harm in _read("harms.toml", _Harms).harm}
