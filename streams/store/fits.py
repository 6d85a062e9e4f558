"""The fitted priors of EBGM, as the table `checkpoints` keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, select

from detectors.disproportionality.gps import Prior
from streams.store import tables


@dataclass(frozen=True, slots=True)
class Fit:
    """The fit of one dataset; `code` and `message` say why it failed.

    `pairs`: what it was fitted to; `starts`: how many of the starting points led to this optimum.
    """

    pairs: int
    prior: Prior | None = None
    negative_log_likelihood: float | None = None
    starts: int | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Fits:
    """The fits of the checkpoint at a position, by dataset."""

    position: int
    by_dataset: Mapping[str, Fit]

    def prior_of(self, dataset: str) -> Prior | None:
        """The prior of a dataset; None where there is none."""
        fit = self.by_dataset.get(dataset)
        return None if fit is None else fit.prior

    def position_of(self, dataset: str) -> int | None:
        """Where the prior of a dataset was fitted; None where there is none."""
        return None if self.prior_of(dataset) is None else self.position

    def to_json(self) -> str:
        """As the table keeps them; numbers come back to the bit."""
        return json.dumps({name: asdict(fit) for name, fit in sorted(self.by_dataset.items())})

    @classmethod
    def from_json(cls, position: int, text: str) -> Fits:
        """What `to_json` wrote.

        >>> fits = Fits(7, {"solicited": Fit(3, code="ebgm_fit_failed", message="too few")})
        >>> Fits.from_json(7, fits.to_json()) == fits
        True
        """
        return cls(position, {name: _fit(**fit) for name, fit in json.loads(text).items()})


NONE = Fits(-1, {})


def fits_at(connection: Connection, position: int | None = None) -> Fits:
    """The fits of the checkpoint at a position, or of the newest; none where there is none."""
    table = tables.checkpoints
    query = select(table.c.position, table.c.fits).order_by(table.c.position.desc()).limit(1)
    if position is not None:
        query = query.where(table.c.position == position)
    row = connection.execute(query).first()
    return NONE if row is None else Fits.from_json(row.position, row.fits)


def _fit(prior: list[float] | None, **given: Any) -> Fit:
    return Fit(prior=None if prior is None else Prior(*prior), **given)
