"""What a sequential method is: looks in, findings out, one at a time or all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Floats, Parameters, floats
from schemas.errors import InputError

State = TypeVar("State")


class Evidence(NamedTuple):
    """Log e-value now, and the largest so far (never below 0: every process starts at e = 1).

    Only `log_e` is an e-value; exp(-log_e_sup) is a p-value that holds at every look.
    """

    log_e: Floats
    log_e_sup: Floats


@dataclass(frozen=True, slots=True)
class Method:
    """A sequential method as the agent, the command line and the contract tests see it.

    `look` is a NamedTuple of arrays of shape (pairs,), `finding` another; `start(reference,
    parameters)` gives the state before the first look, where `reference` is what `reference`
    names, or the number of pairs; `step(state, look, parameters)` gives the next state and its
    finding; `batch(reference, looks, parameters)` takes arrays of shape (looks, pairs) and gives
    what the steps would. `rising` names the columns that never fall as `n` grows.
    """

    name: str
    look: type[tuple[Floats, ...]]
    finding: type[tuple[Floats, ...]]
    start: Callable[[Any, Any], Any]
    step: Callable[[Any, Any, Any], tuple[Any, Any]]
    batch: Callable[[Any, Any, Any], Any]
    parameters: Parameters
    reference: type[tuple[Floats, ...]] | None = None
    rising: tuple[str, ...] = ()


def amounts(**values: npt.ArrayLike) -> tuple[Floats, ...]:
    """Counts or exposures as float64 of one shape; InputError `bad_count` below 0 or not finite.

    >>> amounts(n=[1, 2], expected=0.5)
    (array([1., 2.]), array([0.5, 0.5]))
    """
    out = np.broadcast_arrays(*(floats(value) for value in values.values()))
    for name, array in zip(values, out, strict=True):
        if not (np.isfinite(array) & (array >= 0)).all():
            raise InputError("bad_count", f"{name} must be finite and 0 or more")
    return tuple(np.array(array, order="C") for array in out)


def at_most(part: Floats, whole: Floats, names: str) -> None:
    """InputError `bad_count` where a part is larger than its whole."""
    if (part > whole).any():
        raise InputError("bad_count", f"more {names}")


def check_margin(margin: float, **positive: float) -> None:
    """InputError `bad_parameter` for a margin below 1, or another parameter that is not above 0."""
    if not 1 <= margin < np.inf:
        raise InputError("bad_parameter", f"the margin must be 1 or more, not {margin}")
    for name, value in positive.items():
        if not 0 < value < np.inf:
            raise InputError("bad_parameter", f"{name} must be above 0, not {value}")


def replay(
    step: Callable[[State, Any, Any], tuple[State, Any]], state: State, looks: Any, parameters: Any
) -> Any:
    """The findings of all looks, one step after the other, as arrays (looks, pairs)."""
    cls = type(looks)
    columns = amounts(**looks._asdict())
    if columns[0].ndim != 2 or len(columns[0]) == 0:
        raise InputError("bad_shape", "looks are arrays of shape (looks, pairs), one or more looks")
    found = []
    for rows in zip(*columns, strict=True):
        state, finding = step(state, cls(*rows), parameters)
        found.append(finding)
    return type(found[0])(*(np.stack(column) for column in zip(*found, strict=True)))
