"""The protocol of tests with a horizon, read from `protocol.toml` or a user's file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Annotated

import msgspec

from detectors.followup.background import Backgrounds
from schemas.errors import InputError

Name = Annotated[str, msgspec.Meta(min_length=1)]
Alpha = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Days = tuple[Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(ge=0)]]
AXES = ("route", "setting", "phase", "dose", "indication", "sessions")


class PoissonTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A maxSPRT of one product's event against a background, as a whole or over named strata."""

    name: Name
    opened: date
    product: Name
    event: Name
    background: Name
    horizon: Annotated[float, msgspec.Meta(gt=0)]
    min_events: Count
    alpha: Alpha = 0.05
    margin: Annotated[float, msgspec.Meta(ge=1)] = 1.25
    by: str = ""
    strata: tuple[str, ...] = ()

    @property
    def split_alpha(self) -> float:
        """The alpha of one stratum."""
        return self.alpha / max(len(self.strata), 1)


class IntervalTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A maxSPRT of an event in days after a dose against later days before the next dose.

    `risk` and `control` are the first and the last day of each window. `measured_by`: where the
    event can be found only on a day with a record of that kind, one such day of each window is
    compared, and the ratio of the windows is 1.
    """

    name: Name
    opened: date
    products: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    event: Name
    risk: Days
    control: Days
    horizon: Count
    min_events: Count
    alpha: Alpha = 0.05
    measured_by: str = ""

    @property
    def ratio(self) -> float:
        """The length of the control window over that of the risk window.

        >>> read(text='[[interval]]\\nname = "x"\\nopened = 2026-01-01\\nproducts = ["p"]\\n'
        ...     'event = "e"\\nrisk = [0, 1]\\ncontrol = [2, 6]\\nhorizon = 9\\n'
        ...     'min_events = 2').interval[0].ratio
        2.5
        """
        if self.measured_by:
            return 1.0
        return (self.control[1] - self.control[0] + 1) / (self.risk[1] - self.risk[0] + 1)


# those with a horizon
Test = PoissonTest | IntervalTest


def definition(test: Test) -> str:
    """A test as JSON, the keys in the order of its fields."""
    return msgspec.json.encode(test).decode()


def defined(text: str) -> Test:
    """The test that `definition` wrote.

    >>> test = read().interval[0]
    >>> defined(definition(test)) == test
    True
    """
    held = msgspec.json.decode(text)
    kind: type[Test] = IntervalTest if "risk" in held else PoissonTest
    return msgspec.convert(held, kind)


def label(test: Test, stratum: str = "") -> str:
    """The product of a test, or of a stratum of it, as a row of the cohort is named.

    >>> label(read().interval[0]), label(read().poisson[1], "home")
    ('esketamine or ketamine', 'ketamine @home')
    """
    if isinstance(test, IntervalTest):
        return " or ".join(test.products)
    return f"{test.product} @{stratum}" if stratum else test.product


class ArmsTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two arms, each by the values of the same axes, compared within strata over other axes."""

    name: Name
    opened: date
    own: dict[str, str]
    other: dict[str, str]
    strata: tuple[Name, ...] = ()
    sessions: bool = False


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    poisson: tuple[PoissonTest, ...] = ()
    arms: tuple[ArmsTest, ...] = ()
    interval: tuple[IntervalTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Protocol:
    """Every test of a file."""

    poisson: tuple[PoissonTest, ...]
    arms: tuple[ArmsTest, ...]
    interval: tuple[IntervalTest, ...]


def read(backgrounds: Backgrounds | None = None, text: str | None = None) -> Protocol:
    """The tests of a TOML text; without one, those that ship with the package.

    InputError `bad_protocol` for what is no such file; with `backgrounds` also `unknown_background`
    and `not_comparable` where a test names a rate that is not there, or not one of its event.

    >>> [test.name for test in read().interval]
    ['stroke_after_dose', 'coronary_after_dose', 'pressure_crisis_after_dose']
    """
    if text is None:
        text = files(__package__).joinpath("protocol.toml").read_text(encoding="utf-8")
    try:
        held = msgspec.toml.decode(text, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("bad_protocol", f"not a protocol: {error}") from error
    names = [
        *(test.name for test in held.poisson),
        *(test.name for test in held.arms),
        *(test.name for test in held.interval),
    ]
    if len(set(names)) < len(names):
        raise InputError("bad_protocol", "two tests have the same name")
    for poisson in held.poisson:
        _check_strata(poisson)
        if backgrounds is not None:
            rate = backgrounds.named(poisson.background, poisson.event)
            if rate.unit != "patient-years":
                # sessions of one patient are alike, so their count is not Poisson
                raise InputError(
                    "bad_protocol", f"{poisson.name}: its background is not per patient-years"
                )
    for arms in held.arms:
        axes = set(arms.own)
        if not axes or axes != set(arms.other) or arms.own == arms.other:
            raise InputError("bad_protocol", f"{arms.name}: the arms name the same axes and differ")
        if axes & set(arms.strata):
            raise InputError("bad_protocol", f"{arms.name}: a stratum is an axis of the arms")
    for interval in held.interval:
        (first, last), (after, end) = interval.risk, interval.control
        if not first <= last < after <= end:
            raise InputError(
                "bad_protocol", f"{interval.name}: the control window must follow the risk window"
            )
    return Protocol(held.poisson, held.arms, held.interval)


def _check_strata(test: PoissonTest) -> None:
    if bool(test.by) != bool(test.strata) or len(set(test.strata)) < len(test.strata):
        raise InputError("bad_protocol", f"{test.name}: `by` needs strata, each named once")
    if test.by and test.by not in AXES:
        raise InputError("bad_protocol", f"{test.name}: `by` is one of {', '.join(AXES)}")
