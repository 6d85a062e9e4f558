"""The sections on disproportionality: the pair by itself, then sensitivity and strata."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.analysis.figures import Cells, Masker, Part
from dashboards.reports.document import (
    Block,
    Section,
    Table,
    Text,
    Worked,
    column,
    count,
    event_name,
    limits,
    numbers,
    shown,
    table,
    words,
)
from dashboards.reports.figures import Pair
from dashboards.reports.model import Report


def sections(report: Report) -> tuple[Section, ...]:
    """Each with what it rests on."""
    own = report.pairs[0]
    return (
        Section("Disproportionality", ()),
        *(
            Section(f"Dataset {pair.dataset}", tuple(_pair(report, pair, own)), 2)
            for pair in report.pairs
        ),
        Section("Sensitivity and strata", tuple(_sensitivity(report))),
    )


def rules(report: Report) -> Table:
    """Every rule, whether it holds, and since when."""
    return table(
        "Rules: whether they hold at the data lock point, and since when",
        (
            column("Rule (source)", 3.4),
            column("Holds", 0.7),
            numbers("n", 0.6),
            column("First said here", 2),
            column("First held by data's dates", 1.6),
        ),
        (
            (
                f"{rule.title} ({rule.source})" if rule.source else rule.title,
                "yes" if rule.holds else "no",
                count(rule.n),
                f"{rule.first_at[:10]}, position {rule.first_position}, n = {rule.first_n}"
                if rule.first_at
                else "never",
                f"{rule.data_date}, n = {rule.data_n}" if rule.data_date else "not dated",
            )
            for rule in report.rules
        ),
        "EB05 and sequential evidence have no date by the data: a prior and a closed look belong "
        "to the day on which they were made.",
    )


def _cells(cells: Cells, product: str, event: str, dataset: str) -> Table:
    return table(
        f"2×2 table, {dataset} reports: cases, each counted once",
        (
            column("", 2),
            numbers(event),
            numbers("without it"),
            numbers("all"),
        ),
        (
            (product, f"a = {count(cells.a)}", f"b = {count(cells.b)}", count(cells.n_product)),
            (
                "without it",
                f"c = {count(cells.c)}",
                f"d = {count(cells.d)}",
                count(cells.n_total - cells.n_product),
            ),
            (
                "all",
                count(cells.n_event),
                count(cells.n_total - cells.n_event),
                f"N = {count(cells.n_total)}",
            ),
        ),
    )


def _pair(report: Report, pair: Pair, own: Pair) -> Iterable[Block]:
    of = report.subject
    if not pair.cells.n_total:
        yield Text(f"There is no {pair.dataset} report.")
        return
    yield _cells(pair.cells, of.product, event_name(of.event), pair.dataset)
    yield table(
        f"Statistics, {pair.dataset} reports",
        (
            column("Statistic", 1.6),
            numbers("Value"),
            numbers("Lower"),
            numbers("Upper"),
            numbers("Coverage", 0.8),
        ),
        (
            (
                one.title,
                shown(one.value),
                shown(one.lower),
                shown(one.upper),
                f"{100 * one.level:.0f} %" if one.level and one.lower is not None else "–",
            )
            for one in pair.statistics
        ),
    )
    if pair.dataset != own.dataset:
        yield Text("Never added to the reports above; its numbers follow in the same way.")
        return
    yield Text("How each number follows from a, b, c, d, for checking by hand:")
    for one in pair.statistics:
        yield Worked(one.title, one.steps)
    if pair.prior is None:
        yield Text(f"EBGM has no value, since it has no prior: {pair.no_prior}.")
    else:
        yield Text(
            f"The prior of EBGM was fitted to {count(pair.prior.pairs)} pairs at the checkpoint "
            f"at position {pair.prior.position}."
        )


def _part_table(caption: str, first: str, parts: Iterable[tuple[str, Part]]) -> Table:
    return table(
        caption,
        (
            column(first, 2.3),
            numbers("n", 0.6),
            numbers("of product", 0.9),
            numbers("with event", 0.8),
            numbers("N", 0.8),
            numbers("PRR (95 %)", 2.2),
            numbers("IC (95 %)", 2.6),
        ),
        (
            (
                name,
                count(one.n),
                count(one.n_product),
                count(one.n_event),
                count(one.n_total),
                limits(one.prr, one.prr_lower, one.prr_upper),
                limits(one.ic, one.ic025, one.ic975),
            )
            for name, one in parts
        ),
    )


def _sensitivity(report: Report) -> Iterable[Block]:
    whole = [one for one in report.parts if one.subgroup == "all"]
    if not whole:
        yield Text("No case has the product, or none the event: there is nothing to divide.")
        return
    yield _part_table(
        "Against each set of comparators, with and without the commonest other event",
        "Comparator",
        (
            (one.comparator + (f", without {one.without}" if one.without else ""), one)
            for one in whole
        ),
    )
    yield _part_table(
        "By part of the population, against all products in the same part",
        "Part",
        (
            (words(one.subgroup).replace("=", ": "), one)
            for one in report.parts
            if one.comparator == whole[0].comparator and not one.without
        ),
    )
    yield Text(
        "A case whose attribute is not known stands in none of the parts. Of a route or setting, "
        "the product's cases are those given it so, the others those given any product so. The "
        "JSON has every part against every comparator."
    )
    if report.relative:
        yield table(
            "ROR in a part over the ROR in the rest",
            (
                column("Part", 1.5),
                numbers("a, b, c, d inside", 2),
                numbers("a, b, c, d outside", 2),
                numbers("Ratio (95 %)", 2),
            ),
            (
                (
                    words(one.part).replace("=", ": "),
                    _four(one.inside),
                    _four(one.outside),
                    limits(one.ratio, one.lower, one.upper),
                )
                for one in report.relative
            ),
        )
    yield from _masking(report)


def _four(cells: Cells) -> str:
    return ", ".join(count(x) for x in (cells.a, cells.b, cells.c, cells.d))


def _masking(report: Report) -> Iterable[Block]:
    held = report.masking
    if held is None:
        return
    gone = ", ".join(held.removed)
    yield Text(
        f"Masking: PRR {shown(held.before)} as it is"
        + (
            f", {shown(held.after)} without the reports of {gone}."
            if gone
            else "; no product hides the pair by a ratio above 1.25."
        )
    )
    for caption, listed in (
        ("Products whose reports of the event hide the pair", held.products),
        ("Own events of the product that hide the pair", held.events),
    ):
        if listed:
            yield _maskers(caption, listed)


def _maskers(caption: str, listed: Iterable[Masker]) -> Table:
    return table(
        caption,
        (column("Name", 3), numbers("Reports"), numbers("Ratio"), numbers("PRR without")),
        ((m.name, count(m.n), shown(m.ratio), shown(m.prr)) for m in listed),
    )
