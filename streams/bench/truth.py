"""How often rules and sequential methods are wrong, and how soon right, on simulated counts.

Weekly looks over two years at one pair, from `simulated`. `ever` is the share of runs that fired at
any look, with its two-sided 99 % Clopper-Pearson interval as the spread. A method that may confirm
has to hold alpha at every true ratio up to its margin: the one-sided lower 99 % limit of that share
is at or under alpha. Beyond the margin, and with a background taken for 30 % less than it is
(`off`), shares are printed beside those of a null without a margin, and have no goal; so are those
of screening rules, which promise nothing. `found` is the same share where there is harm, `weeks`
the median week over all runs, silent ones last (no such row where most are silent).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta
from tqdm import tqdm

from detectors.disproportionality.method import Floats
from detectors.sequential import eprocess
from detectors.sequential.family import e_bh, latched, needed
from streams.bench import simulated
from streams.bench.rows import Row, at_least, text
from streams.bench.simulated import ALPHA, BAR, CONFIRMING, Firing

MARGIN = 1.25
QUIET, HARM = (1.0, 1.1, 1.25, 1.3), (1.5, 2.0, 3.0)
OFF = 0.7
BEGINS, YEARS4 = (0, 52, 156), 208
# pairs of a family, and how many of them are harmful
FAMILY, HARMFUL = 200, 10
# of what is to be found, more than not: a silent detector keeps every alpha
FLOOR = 0.5
# where each has its background from
BACKGROUND = {
    "eprocess": "known",
    "edetector": "known",
    "eprocess_background": "estimated",
    "two_sample_rates": "unknown",
    "two_sample": "unknown",
    "two_sample_late": "unknown",
}


def run(runs: int, seed: int) -> list[Row]:
    """Every row; each setting has seeds of its own."""
    steps: list[Callable[[], list[Row]]] = [
        *(
            partial(at_ratio, seed, ratio, runs, background)
            for background in (1.0, OFF)
            for ratio in (*QUIET, *HARM)
        ),
        *(partial(late, seed, ratio, runs, begin) for begin in BEGINS for ratio in HARM[1:]),
        partial(known_reaction, seed, runs),
        partial(family, seed, max(1, runs // 40)),
        partial(counterexample, seed, 10 * runs),
    ]
    rows: list[Row] = []
    for step in tqdm(steps, desc="truth", unit="setting", disable=None):
        rows += step()
    return rows


def interval(k: int, n: int) -> tuple[float, float]:
    """The two-sided 99 % Clopper-Pearson interval of a share.

    >>> [round(x, 4) for x in interval(0, 100)]
    [0.0, 0.0516]
    """
    low = float(beta.ppf(0.005, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(0.995, k + 1, n - k)) if k < n else 1.0
    return low, high


def lower_limit(k: int, n: int) -> float:
    """The one-sided lower 99 % Clopper-Pearson limit of a share."""
    return float(beta.ppf(0.01, k, n - k + 1)) if k else 0.0


def ever(name: str, ratio: float, fired: npt.NDArray[np.bool_], alpha: float | None) -> Row:
    """The share that ever fired; with `alpha`, under the goal that it is no more than that."""
    k, n = int(fired.sum()), len(fired)
    goal: dict[str, Any] = {}
    if alpha is not None:
        goal = {"goal": f"lower 99 % limit <= {alpha:g}", "met": lower_limit(k, n) <= alpha}
    return Row(f"{name}_ever_x{ratio:g}", k / n, "of runs", None, None, interval(k, n), **goal)


def found(name: str, ratio: float, weeks: Floats, floor: float | None = None) -> list[Row]:
    """The share found, and the median week if most are."""
    k, n = int(np.isfinite(weeks).sum()), len(weeks)
    goal = {} if floor is None else at_least(floor, "", k / n)
    rows = [Row(f"{name}_found_x{ratio:g}", k / n, "of runs", None, None, interval(k, n), **goal)]
    quarter, middle, most = np.quantile(weeks, (0.25, 0.5, 0.75), method="higher")
    if np.isfinite(middle):
        spread = (float(quarter), float(most)) if np.isfinite(most) else None
        rows.append(Row(f"{name}_weeks_x{ratio:g}", float(middle), "weeks", None, None, spread))
    return rows


def at_ratio(seed: int, ratio: float, runs: int, background: float = 1.0) -> list[Row]:
    """Every rule and method at one true ratio from the first week."""
    rng = np.random.default_rng([seed, round(100 * ratio), round(100 * background)])
    counts = simulated.simulate(rng, ratio, runs, background=background)
    right = background == 1
    rows: list[Row] = []
    for name, detect in CONFIRMING.items():
        rows += _confirming(f"{name}_{BACKGROUND[name]}", detect, counts, ratio)
    others = {f"rule_{name}": weeks for name, weeks in simulated.screening(counts).items()}
    others |= {"maxsprt": simulated.of_maxsprt(counts), "cusum": simulated.of_cusum(counts)}
    for name, weeks in others.items():
        label = name if right else f"{name}_off"
        if ratio in HARM:
            rows += found(label, ratio, weeks)
        else:
            # the null of maxSPRT is a ratio of 1 and no more
            alpha = ALPHA if name == "maxsprt" and right and ratio == 1 else None
            rows.append(ever(label, ratio, np.isfinite(weeks), alpha))
    return rows


def _confirming(name: str, detect: Firing, counts: simulated.Counts, ratio: float) -> list[Row]:
    right = counts.background == 1
    label = name if right else f"{name}_off"
    weeks = detect(counts, MARGIN, BAR)
    if ratio in HARM:
        top = right and ratio == HARM[-1]
        rows = found(label, ratio, weeks, FLOOR if top else None)
        if top:  # alone in a family, as `latched` asks it of the first
            alone = detect(counts, MARGIN, needed(1, ALPHA, FAMILY))
            rows += found(f"{label}_family{FAMILY}", ratio, alone, FLOOR)
        return rows
    promised = ALPHA if right and ratio <= MARGIN else None
    without = np.isfinite(detect(counts, 1.0, BAR))
    # without a margin the null is a ratio of 1
    own = ALPHA if right and ratio == 1 else None
    return [
        ever(label, ratio, np.isfinite(weeks), promised),
        ever(f"{label}_no_margin", ratio, without, own),
    ]


def late(seed: int, ratio: float, runs: int, begin: int) -> list[Row]:
    """Harm from week `begin` of four years, weeks counted from then; runs that fired before are
    false alarms and left out.
    """
    rng = np.random.default_rng([seed, round(100 * ratio), begin, YEARS4])
    counts = simulated.simulate(rng, ratio, runs, weeks=YEARS4, begin=begin)
    fired = {name: detect(counts, MARGIN, BAR) for name, detect in CONFIRMING.items()}
    fired["cusum"] = simulated.of_cusum(counts)
    rows: list[Row] = []
    for name, weeks in fired.items():
        rows += found(f"{name}_begin{begin}", ratio, weeks[weeks > begin] - begin)
    return rows


def known_reaction(seed: int, runs: int) -> list[Row]:
    """The change test of a reaction that has been reported for a year."""
    rows: list[Row] = []
    for ratio in (*QUIET, *HARM):
        rng = np.random.default_rng([seed, round(100 * ratio), 3])
        weeks = simulated.doubled(rng, ratio, runs)
        if ratio in HARM:
            rows += found("change", ratio, weeks, FLOOR if ratio == 2 else None)
        else:
            promised = ALPHA if ratio <= MARGIN else None
            rows.append(ever("change", ratio, np.isfinite(weeks), promised))
    return rows


def family(seed: int, families: int) -> list[Row]:
    """Lists latched over two years: some pairs at ratio 3, all others right at the margin."""
    rng = np.random.default_rng([seed, FAMILY])
    ratio = np.where(np.arange(FAMILY) < HARMFUL, HARM[-1], MARGIN)
    shares, false = [], []
    for _ in range(families):
        n = rng.poisson(simulated.EXPECTED * ratio, (104, FAMILY)).astype(float)
        looks = eprocess.Look(n, np.full_like(n, simulated.EXPECTED))
        sup = eprocess.batch(FAMILY, looks, eprocess.Parameters(MARGIN)).log_e_sup[-1]
        listed = latched(sup, ALPHA, FAMILY)
        shares.append(float(listed[:HARMFUL].mean()))
        false.append(float(listed[HARMFUL:].sum() / max(1, listed.sum())))
    share, wrong = float(np.mean(shares)), float(np.mean(false))
    spread = (min(shares), max(shares))
    against = f"{families} families of {FAMILY} pairs, {HARMFUL} harmful"
    # the least that chance allows: of the mean, by its standard error
    least = wrong - 2.33 * float(np.std(false)) / families**0.5
    return [
        Row(
            f"family{FAMILY}_by_found_x3",
            share,
            "of the harmful",
            against,
            None,
            spread,
            **at_least(FLOOR, "", share),
        ),
        Row(
            f"family{FAMILY}_by_false",
            wrong,
            "of the listed",
            against,
            None,
            (min(false), max(false)),
            f"lower 99 % limit <= {ALPHA:g}",
            least <= ALPHA,
        ),
    ]


def counterexample(seed: int, runs: int) -> list[Row]:
    """Two e-processes without any effect whose running maxima e-BH must not be given.

    Look 1: (1/a, 1/2a) with probability a, (0, 2/a) with a/4, else (0, 0); look 2, from the first:
    (2/a, 0) or (0, 1/a), each with 1/2. Any list is a false one: e-BH on the maxima lists something
    with probability 5a/4. Source: arXiv 2501.19360 (running maxima).
    """
    rng, a = np.random.default_rng([seed, 5]), 0.2
    u, coin = rng.random(runs), rng.random(runs) < 0.5
    climb, jump = u < a, (u >= a) & (u < a + a / 4)
    first = np.stack([np.where(climb, 1 / a, 0), np.where(climb, 0.5 / a, jump * 2 / a)], axis=1)
    second = np.stack(
        [np.where(climb, coin * 2 / a, first[:, 0]), np.where(climb, ~coin / a, first[:, 1])],
        axis=1,
    )
    with np.errstate(divide="ignore"):
        highest = np.log(np.maximum(1, np.maximum(first, second)))
    kinds, place = np.unique(highest, axis=0, return_inverse=True)
    rows = []
    for name, test, promised in (("e_bh_on_maxima", e_bh, None), ("by", latched, a)):
        false = np.array([test(kind, a, 2).any() for kind in kinds])[place.ravel()]
        k = int(false.sum())
        rows.append(
            Row(
                f"counterexample_{name}",
                k / runs,
                "false lists",
                f"alpha {a:g}",
                k / runs / a,
                interval(k, runs),
                None if promised is None else f"lower 99 % limit <= {a:g}",
                None if promised is None else lower_limit(k, runs) <= a,
            )
        )
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
