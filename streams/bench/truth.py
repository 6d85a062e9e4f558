"""How often rules and sequential methods are wrong, and how soon right, on simulated counts.

Weekly looks over two years at one pair, from `simulated`. `ever` is the share of runs that fired at
any look, with its two-sided 99 % Clopper-Pearson interval as the spread. A method that may confirm
has to hold alpha at every true ratio up to its margin: the one-sided lower 99 % limit of that share
is at or under alpha. Beyond the margin, and with a background taken for 30 % less than it is
(`off`) or 30 % more (`over`, which costs detection), shares are printed beside those of a null
without a margin and have no goal; so are those of screening rules, which promise nothing. `found`
is the same share where there is harm, `weeks` the median week over all runs, silent ones last (no
such row where most are silent). maxSPRT as published has no margin; `_margin` is the same test
against one. `known`, `estimated`, `unknown` say where a method has its background from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from detectors.sequential.family import needed
from streams.bench import controls, simulated
from streams.bench.families import FAMILY, FLOOR, counterexample, family
from streams.bench.rows import Row, text
from streams.bench.shares import ever, found
from streams.bench.simulated import ALPHA, BAR, CONFIRMING, TESTS, Firing

MARGIN = 1.25
QUIET, HARM = (1.0, 1.1, 1.25, 1.3), (1.5, 2.0, 3.0)
# what the background is taken for, over what it is
OFF = {0.7: "_off", 1.0: "", 1.3: "_over"}
BEGINS, YEARS4 = (0, 52, 156), 208
# where each has its background from
BACKGROUND = {
    "eprocess": "known",
    "edetector": "known",
    "eprocess_background": "estimated",
    "two_sample_rates": "unknown",
    "two_sample": "unknown",
    "two_sample_late": "unknown",
    "maxsprt": "known",
    "maxsprt_weekly": "known",
    "maxsprt_conditional": "estimated",
    "maxsprt_binomial": "unknown",
}


def run(runs: int, seed: int, public: Path | None = None) -> list[Row]:
    """Every row; each setting has seeds of its own. `public` is a folder of public controls."""
    steps: list[Callable[[], list[Row]]] = [
        *(
            partial(at_ratio, seed, ratio, runs, background)
            for background in sorted(OFF, key=lambda taken: abs(taken - 1))
            for ratio in (*QUIET, *HARM)
        ),
        *(partial(late, seed, ratio, runs, begin) for begin in BEGINS for ratio in HARM[1:]),
        partial(known_reaction, seed, runs),
        partial(family, seed, max(1, runs // 40)),
        partial(counterexample, seed, 10 * runs),
        partial(controls.simulated, seed, max(1, runs // 100)),
        *([] if public is None else [partial(controls.public, public)]),
    ]
    rows: list[Row] = []
    for step in tqdm(steps, desc="truth", unit="setting", disable=None):
        rows += step()
    return rows


def at_ratio(seed: int, ratio: float, runs: int, background: float = 1.0) -> list[Row]:
    """Every rule and method at one true ratio from the first week."""
    rng = np.random.default_rng([seed, round(100 * ratio), round(100 * background)])
    counts = simulated.simulate(rng, ratio, runs, background=background)
    rows: list[Row] = []
    for name, detect in CONFIRMING.items():
        rows += _confirming(f"{name}_{BACKGROUND[name]}", detect, counts, ratio)
    for name, test in TESTS.items():
        rows += _test(f"{name}_{BACKGROUND[name]}", test, counts, ratio)
    others = {f"rule_{name}": weeks for name, weeks in simulated.screening(counts).items()}
    others["cusum_known"] = simulated.of_cusum(counts)
    for name, weeks in others.items():
        label = name + OFF[background]
        if ratio in HARM:
            rows += found(label, ratio, weeks)
        else:
            rows.append(ever(label, ratio, np.isfinite(weeks), None))
    return rows


def _confirming(name: str, detect: Firing, counts: simulated.Counts, ratio: float) -> list[Row]:
    right = counts.background == 1
    label = name + OFF[counts.background]
    weeks, without = detect(counts, MARGIN, BAR), detect(counts, 1.0, BAR)
    if ratio in HARM:
        top = right and ratio == HARM[-1]
        rows = found(label, ratio, weeks, FLOOR if top else None)
        rows += found(f"{label}_no_margin", ratio, without)
        if top:  # alone in a family, as `latched` asks it of the first
            alone = detect(counts, MARGIN, needed(1, ALPHA, FAMILY))
            rows += found(f"{label}_family{FAMILY}", ratio, alone, FLOOR)
        return rows
    promised = ALPHA if right and ratio <= MARGIN else None
    # without a margin the null is a ratio of 1
    own = ALPHA if right and ratio == 1 else None
    return [
        ever(label, ratio, np.isfinite(weeks), promised),
        ever(f"{label}_no_margin", ratio, np.isfinite(without), own),
    ]


def _test(name: str, test: simulated.Test, counts: simulated.Counts, ratio: float) -> list[Row]:
    """A maxSPRT as published, whose null is a ratio of 1 and no more, and with the margin."""
    right = counts.background == 1
    rows = []
    for label, margin in ((name, 1.0), (f"{name}_margin", MARGIN)):
        label += OFF[counts.background]
        weeks = test(counts, margin)
        if ratio in HARM:
            rows += found(label, ratio, weeks, FLOOR if right and ratio == HARM[-1] else None)
        else:
            promised = ALPHA if right and ratio <= margin else None
            rows.append(ever(label, ratio, np.isfinite(weeks), promised))
    return rows


def late(seed: int, ratio: float, runs: int, begin: int) -> list[Row]:
    """Harm from week `begin` of four years, weeks counted from then; runs that fired before are
    false alarms and left out.
    """
    rng = np.random.default_rng([seed, round(100 * ratio), begin, YEARS4])
    counts = simulated.simulate(rng, ratio, runs, weeks=YEARS4, begin=begin)
    fired = {name: detect(counts, MARGIN, BAR) for name, detect in CONFIRMING.items()}
    fired |= {f"{name}_margin": test(counts, MARGIN) for name, test in TESTS.items()}
    fired |= {f"rule_{name}": weeks for name, weeks in simulated.screening(counts).items()}
    fired["cusum"] = simulated.of_cusum(counts)
    rows: list[Row] = []
    for name, weeks in fired.items():
        if (in_time := weeks[weeks > begin] - begin).size:
            rows += found(f"{name}_begin{begin}", ratio, in_time)
    return rows


def known_reaction(seed: int, runs: int) -> list[Row]:
    """The change test of a reaction that has been reported for a year."""
    rows: list[Row] = []
    for ratio in (*QUIET, *HARM):
        for label, margin in (("change", MARGIN), ("change_no_margin", 1.0)):
            rng = np.random.default_rng([seed, round(100 * ratio), 3])
            weeks = simulated.doubled(rng, ratio, runs, margin=margin)
            if ratio in HARM:
                floor = FLOOR if ratio == 2 and margin == MARGIN else None
                rows += found(label, ratio, weeks, floor)
            else:
                promised = ALPHA if ratio <= margin else None
                rows.append(ever(label, ratio, np.isfinite(weeks), promised))
    return rows


def table(rows: Sequence[Row]) -> str:
    """For people: a line for each rule or method, a column for each true ratio; ! where a goal is
    missed, = where one is met.
    """
    ratios = sorted({float(r) for row in rows for _, x, r in [row.name.rpartition("_x")] if x})
    lines: dict[str, dict[float, str]] = {}
    rest = []
    for row in rows:
        stem, mark, ratio = row.name.rpartition("_x")
        if not mark:
            rest.append(text(row))
            continue
        met = {True: "=", False: "!", None: " "}[row.met]
        lines.setdefault(stem, {})[float(ratio)] = f"{row.value:8.4g}{met}"
    width = max((len(stem) for stem in lines), default=0)
    head = " " * width + "".join(f"{ratio:>8g} " for ratio in ratios)
    body = [
        f"{stem:<{width}}" + "".join(cells.get(ratio, " " * 9) for ratio in ratios)
        for stem, cells in sorted(lines.items())
    ]
    goals = [row for row in rows if row.met is not None]
    missed = [row for row in goals if not row.met]
    verdict = f"{len(goals) - len(missed)} of {len(goals)} goals met"
    return "\n".join([head, *body, *rest, verdict, *map(text, missed)])
