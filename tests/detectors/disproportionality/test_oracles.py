"""The published packages' results: pvda (report margins), PhViD (pair margins)."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from detectors.disproportionality.ic import ic
from detectors.disproportionality.method import Floats
from detectors.disproportionality.table import PairTable, score
from tests.detectors.shared import rows

HOLD = 1e-9
REFERENCE = "reference/detectors/"

Pairs = list[dict[str, str]]


@pytest.fixture(scope="module")
def caers() -> Pairs:
    return list(rows(REFERENCE + "caers_counts.csv.gz"))


def integers(pairs: Pairs, column: str) -> npt.NDArray[np.int64]:
    return np.array([int(pair[column]) for pair in pairs])


def scores(table: PairTable, pairs: Pairs) -> dict[str, Floats]:
    """The scores of a table, its rows brought into the order of `pairs`."""
    place = {names: row for row, names in enumerate(zip(table.product, table.event, strict=True))}
    order = [place[pair["product"], pair["event"]] for pair in pairs]
    return {name: values[order] for name, values in score(table).items()}


def published(pairs: Pairs, column: str) -> Floats:
    return np.array([float(pair[column] or "nan") for pair in pairs])


def test_report_margins_agree_with_pvda(caers: Pairs) -> None:
    table = PairTable.of(
        [pair["product"] for pair in caers],
        [pair["event"] for pair in caers],
        **{name: integers(caers, name) for name in ("n", "n_product", "n_event", "n_total")},
    )
    oracle = list(rows(REFERENCE + "caers_expected_report_margins.csv.gz"))
    ours = scores(table, oracle)
    for column in ("expected", "prr", "prr_lower", "prr_upper", "ror", "ror_lower", "ror_upper"):
        theirs = published(oracle, column)
        finite = np.isfinite(theirs)
        assert finite.sum() > 6_000
        np.testing.assert_allclose(ours[column][finite], theirs[finite], rtol=HOLD)
        # pvda prints Inf where b or c is 0; such a ratio has no value, so ours is empty
        assert np.isnan(ours[column][~finite]).all()
    for column in ("ic", "ic025", "ic975"):
        np.testing.assert_allclose(ours[column], published(oracle, column), rtol=HOLD)


def test_pair_margins_agree_with_phvid(caers: Pairs) -> None:
    product, event, total = Counter[str](), Counter[str](), 0
    for pair in caers:
        n = int(pair["n"])
        product[pair["product"]] += n
        event[pair["event"]] += n
        total += n
    assert (
        total == 19_917
    )  # the note beside the oracle says 59,751, three times what it was made with
    table = PairTable.of(
        [pair["product"] for pair in caers],
        [pair["event"] for pair in caers],
        n=integers(caers, "n"),
        n_product=[product[pair["product"]] for pair in caers],
        n_event=[event[pair["event"]] for pair in caers],
        n_total=[total] * len(caers),
    )
    oracle = list(rows(REFERENCE + "caers_expected_pair_margins.csv.gz"))
    ours = scores(table, oracle)
    ours["log_prr_lower95"] = np.log(ours["prr_lower"])
    ours["log_ror_lower95"] = np.log(ours["ror_lower"])
    for theirs, column in (
        ("expected", "expected"),
        ("prr", "prr"),
        ("log_prr_lower95", "log_prr_lower95"),
        ("ror", "ror"),
        ("log_ror_lower95", "log_ror_lower95"),
        ("rfet_p", "fisher_p"),
        ("rfet_mid_p", "fisher_mid_p"),
    ):
        # blank: PhViD lists the pair in another method's top 5,000 only
        there = published(oracle, theirs)
        listed = np.isfinite(there)
        assert listed.sum() > 4_000
        np.testing.assert_allclose(ours[column][listed], there[listed], rtol=HOLD)


@pytest.mark.parametrize(
    ("n", "expected", "values"),
    [
        (0, 1, (-1.584963, -11.576850, 0.743841)),
        (1, 1, (0, -3.797227, 1.639758)),
        (3, 1, (1.222392, -0.828051, 2.416188)),
        (10, 2, (2.070389, 1.040247, 2.826960)),
        (3, 0.1, (2.544321, 0.493877, 3.738116)),
    ],
)
def test_single_ic_values(n: int, expected: float, values: tuple[float, ...]) -> None:
    np.testing.assert_allclose(np.array(ic(n, expected)), values, atol=5e-7, rtol=0)
