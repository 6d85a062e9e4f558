"""The prior of EBGM: fitted to a dataset at a checkpoint, and used until the next one."""

from __future__ import annotations

import numpy as np

from detectors.coding import plain
from detectors.disproportionality import BY_ROW, ebgm
from detectors.disproportionality.method import Floats
from detectors.disproportionality.table import PairTable, score
from schemas.errors import InputError
from streams.store.fits import Fit, Fits

# every column of a live score, in the order of `detect`
COLUMNS = (
    "expected",
    *(name for method in (*BY_ROW, ebgm.METHOD) for name in method.columns),
)


def fit(table: PairTable) -> Fit:
    """Fit the prior to what `detect` fits it to: whole products with single terms, in order."""
    rows = table.rows(plain(table))
    try:
        found = ebgm.fit_table(rows)
    except InputError as error:
        return Fit(len(rows), code=error.code, message=str(error))
    return Fit(found.pairs, found.prior, found.negative_log_likelihood, found.starts)


def live_scores(dataset: str, table: PairTable, fits: Fits) -> dict[str, Floats]:
    """Every column of `COLUMNS`; those of EBGM are NaN where no prior could be fitted."""
    columns = score(table, BY_ROW)
    prior = fits.prior_of(dataset)
    if prior is None:
        return columns | {name: np.full(len(table), np.nan) for name in ebgm.METHOD.columns}
    given = {ebgm.METHOD.name: ebgm.Parameters(prior=prior)}
    return columns | score(table, (ebgm.METHOD,), given)
