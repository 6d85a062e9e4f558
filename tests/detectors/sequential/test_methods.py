"""One battery for every sequential method: it finds them, so a new one is tested by being there."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import sequential
from detectors.disproportionality.method import Floats, from_json, to_json
from detectors.sequential.method import Method
from schemas.errors import InputError

# what may not be larger than what
PARTS = {
    "two_sample": {"n": "n_product", "n_comparator": "n_comparators"},
    "two_sample_late": {"n": "n_product", "n_comparator": "n_comparators"},
    "change": {"n_serious": "n", "n_fatal": "n"},
}
# references that are costly to start from: a few that are computed once
FEW: dict[str, dict[str, list[float]]] = {
    "cusum": {"expected": [0.5, 2.0]},
    "maxsprt_poisson": {"horizon": [4.0, 30.0]},
    "maxsprt_binomial": {"horizon": [12.0, 60.0], "ratio": [1.0, 3.0]},
    "maxsprt_conditional": {"n": [0.0, 5.0, 40.0], "exposure": [40.0], "horizon": [30.0]},
}
# whose reports are their own exposure
SHARES = {"change", "two_sample", "two_sample_late", "maxsprt_binomial"}


def found() -> list[Method]:
    modules = [
        importlib.import_module(f"{sequential.__name__}.{module.name}")
        for module in pkgutil.iter_modules(sequential.__path__)
    ]
    methods = [getattr(module, "METHOD", None) for module in modules]
    return [method for method in methods if isinstance(method, Method)]


METHOD = pytest.mark.parametrize("method", found(), ids=lambda method: method.name)
SEEDS = st.integers(0, 2**32 - 1)


def draw(method: Method, seed: int, looks: int, pairs: int, largest: float = 30.0) -> Any:
    """Looks of random sizes, many of them without events or without exposure."""
    rng = np.random.default_rng(seed)
    shape = looks, pairs

    def values(name: str) -> Floats:
        scale = largest ** rng.random(shape) * (rng.random(shape) < 0.8)
        if name.startswith("exp"):
            return scale * rng.random(shape)
        return np.floor(scale * rng.random(shape) * 2)

    fields: tuple[str, ...] = method.look._fields  # type: ignore[attr-defined]
    columns = {name: values(name) for name in fields}
    for part, whole in PARTS.get(method.name, {}).items():
        columns[part] = np.minimum(columns[part], columns[whole])
    return method.look(**columns)


def reference(method: Method, seed: int, pairs: int, largest: float = 30.0) -> Any:
    """Something to start from: the number of pairs, or a past."""
    if method.reference is None:
        return pairs
    rng = np.random.default_rng(seed + 1)
    fields: tuple[str, ...] = method.reference._fields  # type: ignore[attr-defined]
    columns = {name: np.ceil(largest ** rng.random(pairs)) for name in fields}
    columns |= {
        name: rng.choice(values, pairs) for name, values in FEW.get(method.name, {}).items()
    }
    for part, whole in PARTS.get(method.name, {}).items():
        columns[part] = np.minimum(columns[part], columns[whole])
    return method.reference(**columns)


def take(values: Any, rows: Any) -> Any:
    """Some rows (looks) or, of a reference, some pairs."""
    return type(values)(*(column[rows] for column in values))


def test_every_method_is_found() -> None:
    assert {method.name for method in found()} >= {
        "change", "cusum", "edetector", "eprocess", "eprocess_background", "maxsprt_binomial",
        "maxsprt_conditional", "maxsprt_poisson", "two_sample", "two_sample_rates",
    }  # fmt: skip


@METHOD
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, looks=st.integers(1, 8), pairs=st.integers(0, 5))
def test_streaming_equals_batch(method: Method, seed: int, looks: int, pairs: int) -> None:
    data, before = draw(method, seed, looks, pairs), reference(method, seed, pairs)
    whole = method.batch(before, data, method.parameters)
    state = method.start(before, method.parameters)
    for i in range(looks):
        state, finding = method.step(state, take(data, i), method.parameters)
        for streamed, batched in zip(finding, whole, strict=True):
            assert streamed.tobytes() == batched[i].tobytes()


@METHOD
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, place=st.integers(0, 4))
def test_a_report_taken_back_is_a_replay_without_it(method: Method, seed: int, place: int) -> None:
    """From the state that was held before its look: a state is never written into."""
    data, before = draw(method, seed, 5, 4), reference(method, seed, 4)
    state, states = method.start(before, method.parameters), []
    for i in range(5):
        states.append(state)
        state, _ = method.step(state, take(data, i), method.parameters)
    # every pair loses a report of that look, where it has one
    corrected = data._replace(n=data.n.copy())
    corrected.n[place] = np.maximum(corrected.n[place] - 1, 0)
    for part, whole in PARTS.get(method.name, {}).items():
        if whole == "n":
            corrected = corrected._replace(
                **{part: np.minimum(getattr(corrected, part), corrected.n)}
            )
    without = method.batch(before, corrected, method.parameters)
    state = states[place]
    for i in range(place, 5):
        state, finding = method.step(state, take(corrected, i), method.parameters)
        for resumed, replayed in zip(finding, without, strict=True):
            assert resumed.tobytes() == replayed[i].tobytes()


@METHOD
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, largest=st.sampled_from([2.0, 1e3, 1e9]))
def test_evidence_is_always_a_number(method: Method, seed: int, largest: float) -> None:
    before = reference(method, seed, 6, largest)
    result = method.batch(before, draw(method, seed, 5, 6, largest), method.parameters)
    assert isinstance(result, method.finding)
    for column in result:
        assert column.shape == (5, 6)
        assert np.isfinite(column).all()


@METHOD
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS)
def test_a_pair_scores_the_same_wherever_it_stands(method: Method, seed: int) -> None:
    data, before = draw(method, seed, 5, 6), reference(method, seed, 6)
    whole = method.batch(before, data, method.parameters)
    order = np.random.default_rng(seed).permutation(6)
    shuffled = method.batch(
        6 if method.reference is None else take(before, order),
        take(data, (slice(None), order)),
        method.parameters,
    )
    for a, b in zip(whole, shuffled, strict=True):
        np.testing.assert_array_equal(a[:, order], b)
    for i in range(6):
        alone = method.batch(
            1 if method.reference is None else take(before, [i]),
            take(data, (slice(None), [i])),
            method.parameters,
        )
        for a, b in zip(whole, alone, strict=True):
            np.testing.assert_array_equal(a[:, [i]], b)


@METHOD
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_without_reports_nothing_is_ever_found(method: Method, seed: int) -> None:
    """Evidence is one-sided: what protects is no signal."""
    data, before = draw(method, seed, 6, 5), reference(method, seed, 5)
    none = {"n": np.zeros_like(data.n)}
    for part, whole in PARTS.get(method.name, {}).items():
        if whole == "n":
            none[part] = np.zeros_like(data.n)
    found = method.batch(before, data._replace(**none), method.parameters)
    told = {
        name: column
        for name, column in found._asdict().items()
        if name.endswith("_sup") or name in {"signal", "statistic"}
    }
    assert told
    for name, column in told.items():
        assert not column.any(), name


@METHOD
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, place=st.integers(0, 4))
def test_a_look_without_exposure_adds_nothing(method: Method, seed: int, place: int) -> None:
    data, before = draw(method, seed, 5, 6), reference(method, seed, 6)
    kept = method.batch(before, data, method.parameters)
    empty = take(data, slice(0, 1))
    fields: tuple[str, ...] = method.look._fields  # type: ignore[attr-defined]
    # nothing but reports of the pair; of a share, reports are the exposure
    blank = {n: np.zeros_like(v) for n, v in zip(fields, empty, strict=True)}
    if method.name not in SHARES:
        blank["n"] = np.ones_like(empty[0])
    longer = type(data)(
        *(
            np.insert(column, place, blank[name][0], axis=0)
            for name, column in zip(fields, data, strict=True)
        )
    )
    result = method.batch(before, longer, method.parameters)
    for a, b in zip(kept, result, strict=True):
        np.testing.assert_array_equal(a, np.delete(b, place, axis=0))


@METHOD
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, place=st.integers(0, 4), more=st.integers(1, 9))
def test_more_reports_are_never_less_evidence(
    method: Method, seed: int, place: int, more: int
) -> None:
    data, before = draw(method, seed, 5, 6), reference(method, seed, 6)
    whole = PARTS.get(method.name, {}).get("n")
    n = data.n.copy()
    n[place] += more
    if whole:
        n[place] = np.minimum(n[place], getattr(data, whole)[place])
    less = method.batch(before, data, method.parameters)
    greater = method.batch(before, data._replace(n=n), method.parameters)
    assert method.rising
    for name in method.rising:
        a, b = getattr(less, name), getattr(greater, name)
        assert (b >= a - 1e-8 * (1 + np.abs(a))).all(), name


@METHOD
def test_inputs_stay_as_they_are(method: Method) -> None:
    data, before = draw(method, 7, 4, 5), reference(method, 7, 5)
    columns = [*data, *(() if method.reference is None else before)]
    for column in columns:
        column.flags.writeable = False
    method.batch(before, data, method.parameters)  # writing into one of them would raise


@METHOD
def test_parameters_go_through_json(method: Method) -> None:
    assert from_json(method.parameters, to_json(method.parameters)) == method.parameters


@METHOD
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_what_is_no_count_is_refused(method: Method, bad: float) -> None:
    data, before = draw(method, 3, 2, 3), reference(method, 3, 3)
    state = method.start(before, method.parameters)
    look = take(data, 0)
    for i in range(len(look)):
        broken = type(look)(*(np.full(3, bad) if i == j else c for j, c in enumerate(look)))
        with pytest.raises(InputError) as error:
            method.step(state, broken, method.parameters)
        assert error.value.code == "bad_count"


@METHOD
def test_looks_that_are_no_table_are_refused(method: Method) -> None:
    look, before = take(draw(method, 3, 2, 3), 0), reference(method, 3, 3)
    with pytest.raises(InputError) as error:
        method.batch(before, look, method.parameters)
    assert error.value.code == "bad_shape"


@METHOD
def test_a_margin_below_one_is_refused(method: Method) -> None:
    cls: Any = type(method.parameters)
    with pytest.raises(InputError) as error:
        method.start(reference(method, 3, 3), cls(margin=0.9))
    assert error.value.code == "bad_parameter"


@METHOD
def test_the_docstring_says_what_it_rests_on(method: Method) -> None:
    module = importlib.import_module(method.step.__module__)
    primitive = getattr(module, method.name)
    for word in ("Source:", "Verified", ">>>"):
        assert word in primitive.__doc__
