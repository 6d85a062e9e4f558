"""The casebook: whatever the order of arrival, the counts of the newest versions."""

from __future__ import annotations

from collections import Counter
from itertools import product as crossed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.casebook import Casebook, CaseContent, Touched
from detectors.disproportionality.table import PairTable

Version = tuple[int, int, CaseContent | None]
DATASETS = ("spontaneous", "solicited")

names = st.sampled_from("ABCDE")
dated = st.lists(st.tuples(names, st.integers(1, 9)), max_size=4).map(tuple)
contents = st.builds(CaseContent, st.sampled_from(DATASETS), dated, dated)
histories = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(1, 4), st.none() | contents), max_size=25
).map(lambda versions: list({version[:2]: version for version in versions}.values()))


def newest(versions: list[Version]) -> dict[int, CaseContent | None]:
    return {case: content for case, _, content in sorted(versions, key=lambda v: v[:2])}


def recount(versions: list[Version], dataset: str) -> list[tuple[object, ...]]:
    n, n_product, n_event, total = Counter[tuple[str, str]](), Counter[str](), Counter[str](), 0
    for content in newest(versions).values():
        if content is None or content.dataset != dataset:
            continue
        products, events = dict(content.products), dict(content.events)
        n.update(crossed(products, events))
        n_product.update(list(products))
        n_event.update(list(events))
        total += 1
    return [(p, e, n[p, e], n_product[p], n_event[e], total) for p, e in sorted(n)]


def listed(table: PairTable) -> list[tuple[object, ...]]:
    counts = (values.tolist() for values in table.counts.values())
    return list(zip(table.product, table.event, *counts, strict=True))


def told(versions: list[Version]) -> Casebook:
    book = Casebook()
    for version in versions:
        book.apply(*version)
    return book


@settings(max_examples=200, deadline=None)
@given(history=histories, data=st.data())
def test_any_order_and_any_repeats_give_the_recount(
    history: list[Version], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(history), max_size=10)) if history else []
    arrived = data.draw(st.permutations(history + again))
    one_by_one, at_once = told(arrived), Casebook.of(arrived)
    for book in (one_by_one, at_once):
        assert len(book) == len(newest(history))
        for dataset in DATASETS:
            expected = recount(history, dataset)
            assert listed(book.table(dataset)) == expected
            for p, e, *counts in expected:
                assert book.counts(dataset, str(p), str(e)) == tuple(counts)
                assert book.cases_of(dataset, str(p), str(e)) == sorted(
                    case
                    for case, content in newest(history).items()
                    if content is not None
                    and content.dataset == dataset
                    and p in dict(content.products)
                    and e in dict(content.events)
                )


@settings(max_examples=100, deadline=None)
@given(history=histories, more=contents)
def test_retract_undoes_update(history: list[Version], more: CaseContent) -> None:
    book = Casebook.of(history)
    before = {dataset: listed(book.table(dataset)) for dataset in DATASETS}
    totals = [book.n_total(dataset) for dataset in DATASETS]
    added = book.apply(99, 1, more)
    assert added
    assert book.apply(99, 2, None) == added
    assert {dataset: listed(book.table(dataset)) for dataset in DATASETS} == before
    assert [book.n_total(dataset) for dataset in DATASETS] == totals


@settings(max_examples=100, deadline=None)
@given(history=histories, case=st.integers(-3, 3), content=st.none() | contents)
def test_touched_names_every_margin_that_moved(
    history: list[Version], case: int, content: CaseContent | None
) -> None:
    book = Casebook.of(history)
    before = margins(book)
    touched = book.apply(case, 9, content)
    after = margins(book)
    for dataset in DATASETS:
        products = [name for where, name in touched.products if where == dataset]
        events = [name for where, name in touched.events if where == dataset]
        rescored = {row[:2] for row in listed(book.table(dataset, products, events))}
        moved = {
            key[1:]
            for key in before.keys() | after.keys()
            if key[0] == dataset and before.get(key) != after.get(key)
        }
        # a pair that is gone has no row; it is named
        gone = {pair for pair in moved if (dataset, *pair) in touched.pairs}
        assert moved <= rescored | gone


@settings(max_examples=100, deadline=None)
@given(
    history=histories,
    later=histories,
    chosen=st.sets(st.sampled_from(["A", "B", "C", "D", "Z"])),
    at_once=st.booleans(),
)
def test_a_table_of_some_products_is_those_rows_of_the_whole(
    history: list[Version], later: list[Version], chosen: set[str], at_once: bool
) -> None:
    book = Casebook.of(history) if at_once else told(history)
    for case, revision, content_ in later:
        book.apply(case, revision + 9, content_)
    for dataset in DATASETS:
        whole = [row for row in listed(book.table(dataset)) if row[0] in chosen]
        assert listed(book.table(dataset, products=chosen)) == whole


subsets = st.sets(st.sampled_from(["A", "B", "C", "D", "x", "y", "z", "Z"]))


@settings(max_examples=150, deadline=None)
@given(history=histories, later=histories, among=subsets, products=subsets, events=subsets)
def test_what_moved_among_some_products_is_those_rows_of_the_whole(
    history: list[Version],
    later: list[Version],
    among: set[str],
    products: set[str],
    events: set[str],
) -> None:
    book = Casebook.of(history)
    for case, revision, content_ in later:
        book.apply(case, revision + 9, content_)
    for dataset in DATASETS:
        whole = [
            row
            for row in listed(book.table(dataset))
            if row[0] in among and (row[0] in products or row[1] in events)
        ]
        assert listed(book.moved(dataset, among, products, events)) == whole


def margins(book: Casebook) -> dict[tuple[object, ...], tuple[object, ...]]:
    return {
        (dataset, row[0], row[1]): row[2:5]
        for dataset in DATASETS
        for row in listed(book.table(dataset))
    }


def content(*events: str, day: int = 5) -> CaseContent:
    return CaseContent("spontaneous", (("A", day),), tuple((event, day) for event in events))


def test_an_old_or_equal_revision_changes_nothing() -> None:
    book = told([(1, 3, content("x"))])
    assert book.apply(1, 3, content("y")) == Touched()
    assert book.apply(1, 2, None) == Touched()
    assert book.revision(1) == 3
    assert book.revision(2) is None
    assert [row[1] for row in listed(book.table("spontaneous"))] == ["x"]


def test_a_newer_revision_with_the_same_content_touches_nothing() -> None:
    book = told([(1, 1, content("x", "y"))])
    assert not book.apply(1, 2, content("y", "x"))
    assert book.revision(1) == 2


def test_a_nullification_first_keeps_out_what_was_before_it() -> None:
    book = told([(1, 2, None), (1, 1, content("x"))])
    assert book.n_total("spontaneous") == 0
    assert book.apply(1, 3, content("x")).pairs == {("spontaneous", "A", "x")}


def test_a_change_of_dataset_moves_the_case() -> None:
    book = told([(1, 1, content("x"))])
    solicited = CaseContent("solicited", (("A", 1),), (("x", 1),))
    assert {part[0] for part in book.apply(1, 2, solicited).parts} == {"spontaneous", "solicited"}
    assert (book.n_total("spontaneous"), book.n_total("solicited")) == (0, 1)
    assert book.datasets == ("solicited", "spontaneous")


def test_unknown_names_have_no_cases() -> None:
    book = told([(1, 1, content("x"))])
    assert book.counts("cohort", "A", "x") == (0, 0, 0, 0)
    assert book.counts("spontaneous", "A", "z") == (0, 1, 0, 1)
    assert book.cases_of("spontaneous", "Z", "x") == book.cases_of("cohort", "A", "x") == []
    assert len(book.table("cohort")) == 0
    assert len(book.table("spontaneous", products=["Z"])) == 0


def test_a_table_of_given_pairs_holds_those_without_a_case() -> None:
    book = told([(1, 1, content("x"))])
    table = book.table_of("spontaneous", [("A", "z"), ("A", "x"), ("A", "x")])
    assert listed(table) == [("A", "x", 1, 1, 1, 1), ("A", "z", 0, 1, 0, 1)]
    assert len(book.table_of("spontaneous", [])) == 0


@pytest.mark.parametrize("chosen", [{"products": ["A"]}, {"events": ["x"]}])
def test_a_table_of_some(chosen: dict[str, list[str]]) -> None:
    other = CaseContent("spontaneous", (("B", 1),), (("y", 1),))
    book = told([(1, 1, content("x", "y")), (2, 1, other)])
    pairs = [row[:2] for row in listed(book.table("spontaneous", **chosen))]
    assert pairs == ([("A", "x"), ("A", "y")] if "products" in chosen else [("A", "x")])


@settings(max_examples=60, deadline=None)
@given(history=histories)
def test_what_a_case_counts_as_can_be_read_back(history: list[Version]) -> None:
    """By name and earliest day, whatever the order in which the sender had them."""
    book = told(history)
    for case, content in newest(history).items():
        found = book.content(case)
        if content is None:
            assert found is None
            continue
        assert found is not None
        assert found.dataset == content.dataset
        for held, given_ in ((found.products, content.products), (found.events, content.events)):
            earliest = {name: min(d for n, d in given_ if n == name) for name, _ in given_}
            assert dict(held) == earliest
            assert len(held) == len(earliest)
    assert book.content(99) is None
