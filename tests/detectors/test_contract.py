"""One battery for every method: it finds them, so a new one is tested by being there.

Sequential methods have their own, `sequential/test_methods.py`; here it is seen that between the
two no detector is left out.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import disproportionality, sequential
from detectors.disproportionality import ALL, METHODS, PRINTED, Method, ebgm
from detectors.disproportionality.mantel_haenszel import Strata
from detectors.disproportionality.method import Columns, Parameters, from_json, to_json
from detectors.disproportionality.omega import Triples
from detectors.disproportionality.table import PairTable
from detectors.sequential.method import Method as SequentialMethod

Counts = tuple[int, int, int, int]

# a prior cannot be fitted to a handful of rows; given one, every row stands alone
GIVEN: dict[str, Parameters] = {"ebgm": ebgm.Parameters(prior=(0.2, 0.1, 2.0, 4.0, 1 / 3))}


def found() -> list[Method]:
    modules = [
        importlib.import_module(f"{disproportionality.__name__}.{module.name}")
        for module in pkgutil.iter_modules(disproportionality.__path__)
    ]
    return [module.METHOD for module in modules if hasattr(module, "METHOD")]


METHOD = pytest.mark.parametrize("method", found(), ids=lambda method: method.name)
BY_ROW = pytest.mark.parametrize(
    "method",
    [m for m in found() if not m.whole_table or m.name in GIVEN],
    ids=lambda method: method.name,
)


@st.composite
def counts(draw: st.DrawFn, largest: int = 10**7) -> Counts:
    total = draw(st.integers(0, draw(st.sampled_from([3, 40, 5_000, largest]))))
    product = draw(st.integers(0, min(total, draw(st.sampled_from([2, 60, 4_000, largest])))))
    event = draw(st.integers(0, min(total, draw(st.sampled_from([2, 60, 4_000, largest])))))
    lowest = max(0, product + event - total)
    highest = min(product, event, lowest + 3_000)
    return draw(st.integers(lowest, highest)), product, event, total


def table(rows: list[Counts]) -> PairTable:
    names = np.array([f"{i:06}" for i in range(len(rows))], dtype=object)
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return PairTable(names, names, *(np.ascontiguousarray(column) for column in columns))


def strata(rows: list[Counts]) -> Strata:
    """Each row beside a second stratum that is the same for all."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    other = (4, 20, 30, 200)
    return Strata(
        *(np.stack([c, np.full_like(c, o)], axis=1) for c, o in zip(columns, other, strict=True))
    )


def triples(rows: list[Counts]) -> Triples:
    """n of n_product with both; either alone and neither as the other margins have it."""
    n, product, event, total = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    none = np.zeros_like(n)
    return Triples(np.arange(len(n)), n, product, event // 3, total, none, total, event, total)


BUILD: dict[str, Any] = {"pairs": table, "strata": strata, "triples": triples}


def parameters(method: Method) -> Parameters:
    return GIVEN.get(method.name, method.parameters)


def run(method: Method, rows: list[Counts]) -> Columns:
    return method.function(BUILD[method.takes](rows), parameters(method))


def test_every_method_is_registered_once() -> None:
    assert sorted(m.name for m in ALL) == sorted(m.name for m in found())
    assert PRINTED[: len(METHODS)] == METHODS
    assert ALL[: len(PRINTED)] == PRINTED
    columns = [column for method in ALL for column in method.columns]
    assert len(columns) == len(set(columns))


def test_no_module_of_a_method_is_without_a_registration() -> None:
    """What is left over holds no detector: types, parts that several share, a prior's fit."""
    helpers = {
        disproportionality: {"cells", "gps", "method", "posterior", "table"},
        sequential: {"conditional", "family", "limits", "maxsprt", "method", "mixture", "power",
                     "receipts", "silence", "special"},
    }  # fmt: skip
    for package, rest in helpers.items():
        modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
        registered = {
            name
            for name in modules
            if isinstance(
                getattr(importlib.import_module(f"{package.__name__}.{name}"), "METHOD", None),
                (Method, SequentialMethod),
            )
        }
        assert modules - registered == rest


@METHOD
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(counts(), max_size=30))
def test_never_infinite_and_all_columns(method: Method, rows: list[Counts]) -> None:
    result = run(method, rows)
    assert tuple(result) == method.columns
    for values in result.values():
        assert values.dtype == np.float64
        assert len(values) == len(rows)
        assert not np.isinf(values).any()


@BY_ROW
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(counts(), min_size=1, max_size=40), data=st.data())
def test_a_row_scores_the_same_wherever_it_stands(
    method: Method, rows: list[Counts], data: st.DataObject
) -> None:
    whole = run(method, rows)
    order = data.draw(st.permutations(range(len(rows))))
    shuffled = run(method, [rows[i] for i in order])
    for name in method.columns:
        alone = np.array([run(method, [row])[name][0] for row in rows])
        assert alone.tobytes() == whole[name].tobytes()
        assert shuffled[name].tobytes() == whole[name][order].tobytes()


@pytest.mark.parametrize("method", PRINTED, ids=lambda method: method.name)
def test_the_order_of_rows_is_irrelevant(method: Method) -> None:
    """Also where a row's score depends on the others; and seeds give the same again."""
    rng = np.random.default_rng(2)
    size = 60
    product = np.array([f"p{i % 6}" for i in range(size)], dtype=object)
    event = np.array([f"e{i // 6}" for i in range(size)], dtype=object)
    n = rng.negative_binomial(0.7, 0.15, size) + 1
    margins = n + rng.integers(20, 200, size), n + rng.integers(20, 200, size)
    whole = PairTable(product, event, n, *margins, np.full(size, 9_000))
    order = rng.permutation(size)
    straight = method.function(whole, parameters(method))
    shuffled = method.function(whole.rows(order), parameters(method))
    for name in method.columns:
        assert not np.isnan(straight[name]).all()
        assert shuffled[name].tobytes() == straight[name][order].tobytes()


@METHOD
@settings(max_examples=20, deadline=None)
@given(rows=st.lists(counts(), min_size=1, max_size=10))
def test_inputs_stay_as_they_are(method: Method, rows: list[Counts]) -> None:
    given = BUILD[method.takes](rows)
    arrays = given.counts.values() if isinstance(given, PairTable) else given
    before = [values.copy() for values in arrays]
    for values in arrays:
        values.flags.writeable = False
    method.function(given, parameters(method))
    for values, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(values, copy)


@BY_ROW
@settings(max_examples=60, deadline=None)
@given(row=counts(largest=20_000))
def test_evidence_does_not_fall_as_n_grows(method: Method, row: Counts) -> None:
    _, product, event, total = row
    lowest, highest = max(0, product + event - total), min(product, event)
    ladder = sorted({*np.linspace(lowest, highest, 60).astype(int).tolist()})
    result = run(method, [(n, product, event, total) for n in ladder])
    for names, sign in ((method.rising, 1), (method.falling, -1)):
        for name in names:
            values = sign * result[name][~np.isnan(result[name])]
            assert (np.diff(values) >= -1e-9 * np.abs(values[1:])).all(), name


@METHOD
def test_parameters_go_through_json(method: Method) -> None:
    for own in (method.parameters, parameters(method)):
        assert from_json(own, to_json(own)) == own


@METHOD
def test_the_docstring_says_what_it_rests_on(method: Method) -> None:
    module = importlib.import_module(method.function.__module__)
    primitive = getattr(module, method.name)
    for word in ("Source:", "Verified against", ">>>"):
        assert word in primitive.__doc__
