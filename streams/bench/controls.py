"""Drug-event controls: those of the public sets in a sample of FAERS, and simulated ones.

Of the public ones, how many have a report, and how well a statistic tells positive from negative:
an area with its interval from 30 of each on, else not estimable. What calibration on negative
controls is worth is measured on simulated controls, whose true ratios are known.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detectors.calibration.auc import auc
from detectors.calibration.controls import reference_outcomes
from detectors.calibration.empirical import (
    Null,
    calibrated_interval,
    calibrated_p,
    fit_null,
    standard_error,
)
from detectors.casebook import Casebook
from detectors.cases import Cases, two_by_two
from detectors.disproportionality import fisher, ic
from detectors.disproportionality.method import Floats
from detectors.disproportionality.ror import ror
from detectors.disproportionality.table import PairTable, score
from schemas.errors import InputError
from streams.bench.rows import Row
from streams.bench.shares import held, interval
from streams.scoring import cases, files

SET, SAMPLE = "reference_sets/unified_controls.csv", "faers_2025q3/reports.csv"
NEEDED = {"drug", "event", "label"}
# simulated: controls of a set that calibrate, others that are judged, and the true ratios
CALIBRATING, JUDGED, RATIOS = 200, 100, (1.5, 2.0, 4.0)
# systematic error of the log ratio
SHIFT, SPREAD = 0.3, 0.25
ALPHA = 0.05


class Control(NamedTuple):
    """A drug with the preferred terms of an outcome, and whether the one is known to cause it."""

    drug: str
    terms: tuple[str, ...]
    positive: bool


def public(folder: Path) -> list[Row]:
    """The public controls in the sample of FAERS; InputError where a file is missing or is none."""
    controls = read(folder / SET)
    reading = cases.Reading.of(None, "suspect,interacting,unknown")
    files.read(folder / SAMPLE, "auto", reading)
    book = reading.casebook()
    table = counted(book, controls)
    positive = np.array([control.positive for control in controls], dtype=bool)
    seen = table.n > 0
    rows = []
    for name, kind in (("positive", positive), ("negative", ~positive)):
        rows.append(
            Row(
                f"controls_{name}_seen",
                int((seen & kind).sum()),
                "with n >= 1",
                f"{kind.sum()} {name}, {(kind & (table.n_product > 0)).sum()} with their drug",
            )
        )
    columns = score(table, (ic.METHOD, fisher.METHOD))
    statistics = {"ic025": columns["ic025"], "ic": columns["ic"], "fisher": -columns["fisher_p"]}
    return rows + [
        told_apart(name, values[seen & positive], values[seen & ~positive])
        for name, values in statistics.items()
    ]


def told_apart(name: str, positive: Floats, negative: Floats) -> Row:
    """The area under the curve with its interval, or that it is not estimable."""
    against = f"{len(positive)} positives, {len(negative)} negatives"
    try:
        found = auc(positive, negative)
    except InputError as error:
        return Row(f"controls_auc_{name}", float("nan"), "not estimable", f"{error}")
    spread = (found.lower, found.upper)
    return Row(f"controls_auc_{name}", found.estimate, "AUC", against, None, spread)


def read(path: Path) -> list[Control]:
    """The controls of a set, each once; those called both positive and negative left out.

    InputError `no_such_file`, `bad_table`.
    """
    outcomes = reference_outcomes()
    labels: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for row in csv.DictReader(files.text(path).splitlines()):
        if not set(row) >= NEEDED or row["label"] not in {"0", "1"}:
            raise InputError("bad_table", f"{path} is no set of controls with drug, event, label")
        if row["event"] in outcomes:
            labels[row["drug"].casefold(), outcomes[row["event"]]].add(row["label"])
    return [
        Control(drug, terms, label == {"1"})
        for (drug, terms), label in sorted(labels.items())
        if len(label) == 1
    ]


def counted(book: Casebook, controls: Iterable[Control]) -> PairTable:
    """The four counts of each control: a drug by its name, its salts and combinations; any term."""
    contents = book.contents()
    within, _, _ = book.codes("spontaneous", "", "")
    of = Cases.of(contents, within)
    parts: dict[str, list[int]] = defaultdict(list)
    for code, product in enumerate(book.products):
        for part in product.casefold().split("\\"):
            words = part.split(" ")
            for last in range(1, len(words) + 1):
                parts[" ".join(words[:last])].append(code)
    events = {name.casefold(): code for code, name in enumerate(book.events)}
    rows = []
    for control in controls:
        terms = [events[t.casefold()] for t in control.terms if t.casefold() in events]
        exposed = of.having_product(np.array(parts.get(control.drug, []), dtype=np.int64))
        with_event = of.having_event(np.array(terms, dtype=np.int64))
        rows.append(two_by_two(exposed, of.counted & ~exposed, with_event))
    counts = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    nameless = np.full(counts.shape[1], "", dtype=object)
    return PairTable(nameless, nameless, *(np.ascontiguousarray(column) for column in counts))


def simulated(seed: int, sets: int) -> list[Row]:
    """Controls with known effects and a systematic error: what calibration makes of them."""
    rng = np.random.default_rng([seed, 11])
    false = {"plain": 0, "calibrated": 0}
    covered = dict.fromkeys(RATIOS, 0)
    plain = dict(covered)
    for _ in range(sets):
        null = fit_null(*_estimates(rng, 1.0, CALIBRATING))
        log, se = _estimates(rng, 1.0, JUDGED)
        false["calibrated"] += int((calibrated_p(null, log, se) < ALPHA).sum())
        false["plain"] += int((calibrated_p(Null(0.0, 0.0, 0), log, se) < ALPHA).sum())
        for ratio in RATIOS:
            log, se = _estimates(rng, ratio, JUDGED)
            for held_by, of in ((covered, null), (plain, Null(0.0, 0.0, 0))):
                limits = calibrated_interval(of, log, se)
                held_by[ratio] += int(((limits.lower <= ratio) & (ratio <= limits.upper)).sum())
    n = sets * JUDGED
    against = f"{sets} sets of {CALIBRATING} controls to calibrate by, {JUDGED} others"
    rows = [
        Row(
            f"controls_simulated_{kind}_false",
            k / n,
            "of controls",
            against,
            None,
            interval(k, n),
            # the error of a null that is itself estimated: a tenth of alpha at most
            **({} if kind == "plain" else held(k, n, 1.1 * ALPHA)),
        )
        for kind, k in false.items()
    ]
    for kind, counts in (("plain", plain), ("calibrated", covered)):
        for ratio, k in counts.items():
            low, high = interval(k, n)
            goal = {"goal": "0.94 to 0.96 within 99 %", "met": low <= 0.96 and high >= 0.94}
            rows.append(
                Row(
                    f"controls_simulated_{kind}_covered_x{ratio:g}",
                    k / n,
                    "of intervals",
                    against,
                    None,
                    (low, high),
                    **({} if kind == "plain" else goal),  # type: ignore[arg-type]
                )
            )
    return rows


def _estimates(rng: np.random.Generator, ratio: float, size: int) -> tuple[Floats, Floats]:
    """Log reporting odds ratios of simulated tables and their standard errors.

    A systematic error, normal on the log scale, multiplies each control's odds.
    """
    total, product = 100_000, rng.integers(1_000, 4_000, size)
    share = rng.uniform(0.01, 0.05, size)
    odds = share / (1 - share) * ratio * np.exp(rng.normal(SHIFT, SPREAD, size))
    n = rng.binomial(product, odds / (1 + odds))
    elsewhere = rng.binomial(total - product, share)
    found = ror(n, product, n + elsewhere, total)
    return np.log(found.estimate), standard_error(found.lower, found.upper)
