"""Parts of the population, and the relative ROR of one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cases import Cases, Column
from detectors.disproportionality.ror import ror
from detectors.subgroups import age_bands, part_and_rest, relative_ror, subgroups
from schemas.errors import InputError
from tests.detectors.clinic import ROUTES, clinics, told
from tests.detectors.tables import Counts, counts

CHILDREN, ADULTS = (20, 100, 120, 10_100), (5, 50, 200, 5_050)


def logistic(
    design: npt.NDArray[np.float64], n: list[int], total: list[int]
) -> tuple[float, float]:
    """Last coefficient of a logistic regression on grouped counts, and its standard error."""
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ beta))
        information = design.T @ (design * (np.array(total) * p * (1 - p))[:, None])
        beta += np.linalg.solve(information, design.T @ (np.array(n) - np.array(total) * p))
    return float(beta[-1]), float(np.sqrt(np.linalg.inv(information)[-1, -1]))


def test_relative_ror_is_an_interaction() -> None:
    """Exposure, childhood and both of them in one regression: the last coefficient."""
    design = np.array([[1, e, c, e * c] for c in (1, 0) for e in (1, 0)], dtype=float)
    n = [20, 100, 5, 195]
    beta, error = logistic(design, n, [100, 10_000, 50, 5_000])
    ours = relative_ror(CHILDREN, ADULTS)
    z = 1.959963984540054
    theirs = np.exp([beta, beta - z * error, beta + z * error])
    np.testing.assert_allclose([float(x) for x in ours], theirs, rtol=1e-8)


@settings(max_examples=100, deadline=None)
@given(inside=counts(), outside=counts())
def test_laws_of_the_relative_ror(inside: Counts, outside: Counts) -> None:
    one, other = relative_ror(inside, outside), relative_ror(outside, inside)
    assert not np.isinf(np.array(one)).any()
    np.testing.assert_allclose(one.estimate * other.estimate, 1 + 0 * one.estimate, rtol=1e-9)
    np.testing.assert_allclose(one.lower * other.upper, 1 + 0 * one.lower, rtol=1e-9)
    plain = [ror(*part).estimate for part in (inside, outside)]
    assert np.isnan(one.estimate) == (not (plain[0] > 0 and plain[1] > 0))
    n, product, event, total = np.array([inside, inside]).T
    rest = np.array([outside, outside]).T
    many = relative_ror((n, product, event, total), (rest[0], rest[1], rest[2], rest[3]))
    for alone, whole in zip(one, many, strict=True):
        assert whole.tobytes() == np.array([alone, alone]).tobytes()


@settings(max_examples=60, deadline=None)
@given(cases=clinics(), product=st.integers(0, 4), event=st.integers(0, 4))
def test_parts_counted_one_by_one(cases: Cases, product: int, event: int) -> None:
    listed = told(cases)
    found = {part.name: part for part in subgroups(cases, product)}
    assert list(found) == ["all", "sex=f", "sex=m", *(f"route={route}" for route in ROUTES)]
    for code, sex in enumerate("fm"):
        part = found[f"sex={sex}"]
        mine = [case for case in listed if case.sex == code]
        assert part.exposed.sum() == sum(product in case.products for case in mine)
        assert part.others.sum() == sum(product not in case.products for case in mine)
        inside, outside = part_and_rest(cases, product, event, "sex", sex)
        rest = [case for case in listed if case.sex == 1 - code]
        for counted, group in ((inside, mine), (outside, rest)):
            with_product = [case for case in group if product in case.products]
            n = sum(event in case.events for case in with_product)
            n_event = sum(event in case.events for case in group)
            assert counted == (n, len(with_product), n_event, len(group))
    for code, route in enumerate(ROUTES):
        part = found[f"route={route}"]
        assert part.exposed.sum() == sum((product, code) in case.given for case in listed)
        assert part.others.sum() == sum(
            product not in case.products and code in {r for _, r in case.given} for case in listed
        )


def test_chosen_columns_alone() -> None:
    cases = Cases.listed([[0]], [[1]], {"sex": Column.of("f"), "region": Column.of(["EU"])})
    assert [part.name for part in subgroups(cases, 0, ["region"])] == ["all", "region=EU"]


def test_bands_of_age() -> None:
    by_default = age_bands([0, 18, 64.9, 65, 110, np.nan])
    assert by_default.names == ("children", "adults", "old")
    assert by_default.code.tolist() == [0, 1, 1, 2, 2, -1]
    band = age_bands([0, 5, 6, 70, np.nan], edges=(2, 6, 12))
    assert band.names == ("under 2", "2 to 6", "6 to 12", "12 and over")
    assert band.code.tolist() == [0, 1, 2, 3, -1]


def test_unknown_names_are_refused() -> None:
    cases = Cases.listed([[0]], [[1]], {"sex": Column.of("f")})
    for column, value, code in (("age", "old", "unknown_column"), ("sex", "m", "unknown_value")):
        with pytest.raises(InputError) as error:
            part_and_rest(cases, 0, 1, column, value)
        assert error.value.code == code
    with pytest.raises(InputError, match="no column 'age'"):
        subgroups(cases, 0, ["age"])
