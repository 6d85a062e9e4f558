"""What a disproportionality method is: a name, its columns, a function, its parameters."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Columns = Mapping[str, Floats]


class Parameters(Protocol):
    """A frozen dataclass of numbers, strings, tuples of them, or nothing."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Method:
    """A method as the driver, the command line and the contract tests see it.

    `function(counts, parameters)` gives the columns; `takes` says which counts: `pairs` is a
    PairTable, `strata` and `triples` are those of `mantel_haenszel` and `omega`.
    `rising` names the columns that never fall as `n` grows at fixed margins, `falling` those that
    never rise. `whole_table` says that a row's score depends on the other rows (a fitted prior);
    `on_request` that the method is costly (Monte Carlo) and runs only when it is named.
    """

    name: str
    columns: tuple[str, ...]
    function: Callable[[Any, Any], Columns]
    parameters: Parameters
    rising: tuple[str, ...] = ()
    falling: tuple[str, ...] = ()
    whole_table: bool = False
    on_request: bool = False
    takes: str = "pairs"


def to_json(parameters: Parameters) -> str:
    """Parameters as JSON, keys in the order of the dataclass.

    >>> from detectors.disproportionality.prr import Parameters as PrrParameters
    >>> to_json(PrrParameters())
    '{"level": 0.95}'
    """
    return json.dumps(dataclasses.asdict(parameters))


def from_json(like: Parameters, text: str) -> Parameters:
    """The parameters that `to_json` wrote; `like` is any instance of their class.

    >>> from detectors.disproportionality.prr import Parameters as PrrParameters
    >>> from_json(PrrParameters(), '{"level": 0.9}')
    Parameters(level=0.9)
    """
    values = json.loads(text)
    cls: Any = type(like)
    return cls(  # type: ignore[no-any-return]
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
    )


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, NaN where the denominator is 0: never inf."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Floats = np.asarray(numerator / denominator)
    empty = np.asarray(denominator == 0)
    if empty.any():
        np.copyto(out, np.nan, where=empty)
    return out


def around(estimate: Floats, variance: Floats, level: float) -> tuple[Floats, Floats]:
    """Limits of a ratio whose logarithm has this variance; its array is used up.

        estimate exp(+-z sqrt(variance))

    NaN where the variance is infinite, as it is where a cell is empty: never inf.
    """
    factor = np.asarray(variance)
    np.sqrt(factor, out=factor)
    np.multiply(factor, float(ndtri(0.5 + level / 2)), out=factor)
    np.exp(factor, out=factor)
    lower, upper = np.asarray(estimate / factor), np.asarray(estimate * factor)
    unknown = ~(factor < np.inf)
    if unknown.any():  # one NaN, of one sign, so that equal rows have equal bits
        np.copyto(lower, np.nan, where=unknown)
        np.copyto(upper, np.nan, where=unknown)
    return lower, upper


def floats(values: npt.ArrayLike) -> Floats:
    """Counts as contiguous float64.

    Contiguous, because the same value must give the same bits wherever it stands, and the
    vectorised logarithms of numpy are only certain to do so along one and the same loop.
    """
    return np.asarray(values, dtype=np.float64, order="C")
