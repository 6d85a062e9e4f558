"""What a sequential test is run with."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class Limit:
    """A critical value and the type I error it has, or the reason why there is none."""

    critical_value: float | None
    type1: float | None
    reason: str | None = None


def check(*, alpha: float, min_events: int, horizon: float, longest: float) -> None:
    """InputError `bad_parameter` for what no test can be run with."""
    if not 0 < alpha < 1:
        raise InputError("bad_parameter", f"alpha must lie between 0 and 1, not {alpha}")
    if min_events < 1:
        raise InputError("bad_parameter", f"min-events must be 1 or more, not {min_events}")
    if not 0 < horizon <= longest:
        raise InputError(
            "bad_parameter", f"the horizon must be above 0 and at most {longest:g}, not {horizon}"
        )
