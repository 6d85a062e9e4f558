"""Scores of pair tables beside vigipy 3.5.1, on the same tables in the same run.

Timed is what a caller of each package has to call, on a table that is already in memory, every
pair scored: here `score` with the methods, there `gps`, or `prr`, `ror` and `bcpnn`, with
`min_events=1` and all else as it comes. vigipy gives no scores without a false discovery rate and
a sorted frame, so its time includes them; ours includes IC's upper limit, which it has not.

Where the numbers differ: vigipy adds 1/2 to all four cells of a table that has an empty one, and
here such a PRR or ROR is empty, so values are compared where no cell is empty. Its IC is that of
Bate (1998) with a limit from a normal approximation, here it is Noren's with exact gamma limits:
another estimator, compared for speed alone. Its GPS maximises the likelihood of a truncated
mixture, here it is that of a mixture of truncated distributions, so the priors differ; and its
Nelder-Mead may stop at 500 iterations without an optimum. So the scores are compared at one given
prior, where its quantiles come from bisection to 1e-5 of probability.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from schemas.errors import KetavigilError
from streams.bench import scoring
from streams.bench.rows import Row, at_least, at_most

VIGIPY = "3.5.1"
PINS = (f"vigipy=={VIGIPY}", "numpy<3", "pandas<4", "scipy<2")
# the values are compared at this prior: DuMouchel's starting point
PRIOR = (0.2041, 0.05816, 1.415, 1.838, 0.0969)
COMPARED = 3_000


class Case(NamedTuple):
    """What is scored, at how many pairs, and how many times as fast it must be."""

    what: str
    pairs: int
    goal: float | None = None

    @property
    def name(self) -> str:
        """The name of its row."""
        return f"{self.what}_{self.pairs // 1000}k"


class Run(NamedTuple):
    """One run of one side."""

    seconds: float
    megabytes: float


CASES = (
    Case("gps", 20_000),
    Case("gps", 165_000, 50),
    Case("prr_ror_ic", 20_000),
    Case("prr_ror_ic", 165_000),
    Case("prr_ror_ic", 2_300_000, 200),
)
QUICK = (Case("gps", 20_000), Case("prr_ror_ic", 20_000))
# above this the other side runs only as often as asked for
LARGE = 1_000_000


def run(folder: Path, seed: int, repeats: int, others: int, quick: bool) -> list[Row]:
    """Every case, the two sides in turns, `others` runs of vigipy on the largest tables."""
    python = environment()
    cases = QUICK if quick else CASES
    counts = [min(repeats, others) if case.pairs > LARGE else repeats for case in cases]
    rows = _agreement(python, folder, seed)
    with tqdm(
        total=repeats * len(cases) + sum(counts), desc="detectors", unit="run", disable=None
    ) as bar:
        for case, count in zip(cases, counts, strict=True):
            file = folder / f"{case.pairs}.npz"
            if not file.exists():
                write(file, case.pairs, seed)
            own, other = [], []
            for repeat in range(repeats):
                own.append(_side(_OWN, "ketavigil", case.what, file))
                bar.update()
                if repeat < count:
                    other.append(_side(_other(python), "vigipy", case.what, file))
                    bar.update()
            rows += rows_of(case, own, other)
    return rows


def rows_of(case: Case, own: list[Run], other: list[Run]) -> list[Row]:
    """Times as fast, seconds, and peak memory.

    The spread of a ratio is from the least to the greatest that any two of the runs give.
    """
    ours, theirs = [run.seconds for run in own], [run.seconds for run in other]
    ratio = median(theirs) / median(ours)
    held, held_there = (median(run.megabytes for run in side) for side in (own, other))
    runs = f"vigipy {VIGIPY}, {len(own)} and {len(other)} runs"
    return [
        Row(
            case.name,
            ratio,
            "times as fast",
            runs,
            ratio,
            (min(theirs) / max(ours), max(theirs) / min(ours)),
            **({} if case.goal is None else at_least(case.goal, "times", ratio)),
        ),
        Row(
            f"{case.name}_seconds",
            median(ours),
            "s",
            f"vigipy at {median(theirs):.3g} s ({min(theirs):.3g} to {max(theirs):.3g})",
            ratio,
            (min(ours), max(ours)),
        ),
        Row(
            f"{case.name}_memory",
            held,
            "MB at the peak",
            f"vigipy at {held_there:,.0f} MB",
            held_there / held,
            (min(run.megabytes for run in own), max(run.megabytes for run in own)),
        ),
    ]


def write(file: Path, pairs: int, seed: int) -> None:
    """A table of that many pairs, for both sides to read."""
    product, event, n = cells(pairs, seed)
    np.savez(file, product=product, event=event, n=n, prior=np.array(PRIOR))


def cells(
    pairs: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Products, events and counts of exactly so many pairs, sorted, each once.

    Shares of products and events are log-normal, counts Poisson, and the reporting ratio of a pair
    is drawn from two gammas, so that there is a prior to be found.

    >>> product, event, n = cells(500, 1)
    >>> len(n), int(n.min()), len(set(zip(product.tolist(), event.tolist())))
    (500, 1, 500)
    """
    rng = np.random.default_rng([seed, pairs])
    width = int(np.sqrt(pairs)) + 1
    shape = 2 * width, 4 * width
    spread = [np.exp(rng.normal(0, 1.2, size)) for size in shape]
    expected = np.outer(spread[0], spread[1])
    # from one cell in eight being seen: about as many as a database has
    ratio = np.where(
        rng.random(shape) < 0.15, rng.gamma(0.7, 6.0, shape), rng.gamma(6.0, 1 / 7, shape)
    )
    scale = 0.125 / expected.mean()
    while True:
        n = rng.poisson(expected * ratio * scale)
        seen = np.flatnonzero(n)
        if len(seen) >= pairs:
            break
        scale *= 1.2
    chosen = np.sort(rng.choice(seen, pairs, replace=False))
    # codes without gaps, so that every name has a report
    product = np.unique(chosen // shape[1], return_inverse=True)[1]
    event = np.unique(chosen % shape[1], return_inverse=True)[1]
    return product, event, n.ravel()[chosen].astype(np.int64)


def environment() -> Path:
    """The interpreter of an environment with vigipy, made where there is none yet.

    KetavigilError `vigipy_missing` where it cannot be installed.
    """
    folder = cache() / f"vigipy-{VIGIPY}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)  # one that was broken off
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *PINS],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise KetavigilError(
                "vigipy_missing",
                f"vigipy {VIGIPY} cannot be installed, so there is nothing to compare with: "
                + (why[-1] if why else f"exit {done.returncode}"),
            )
    (folder / "complete").touch()
    return python


def cache() -> Path:
    """The user's cache folder for what the benchmarks install."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "ketavigil"


_OWN = (sys.executable, "-m", "streams.bench.scoring")


def _other(python: Path) -> tuple[str, ...]:
    # -I: nothing of this project, nor of this folder, is to be imported there
    return (str(python), "-I", scoring.__file__)


def _side(command: tuple[str, ...], *arguments: str | Path) -> Run:
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise KetavigilError("bench_failed", f"{arguments[0]} failed: {done.stderr.strip()[-500:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _agreement(python: Path, folder: Path, seed: int) -> list[Row]:
    file = folder / "compared.npz"
    write(file, COMPARED, seed)
    found: list[dict[str, npt.NDArray[Any]]] = []
    for name, command in (("ketavigil", _OWN), ("vigipy", _other(python))):
        columns: dict[str, npt.NDArray[Any]] = {}
        for what in ("gps", "prr_ror_ic"):
            out = folder / f"{name}-{what}.npz"
            _side(command, name, what, file, out)
            columns |= dict(np.load(out))
        found.append(columns)
    return agreement(dict(np.load(file)), *found)


def agreement(
    cells: dict[str, npt.NDArray[Any]],
    own: dict[str, npt.NDArray[Any]],
    other: dict[str, npt.NDArray[Any]],
) -> list[Row]:
    """The largest relative difference of the two sides' values, where no cell is empty."""
    product, event, n = cells["product"], cells["event"], cells["n"]
    filled = (np.bincount(product, n)[product] > n) & (np.bincount(event, n)[event] > n)
    rows = []
    for name, columns, most, compared in (
        (
            "values_prr_ror",
            ("prr", "prr_lower", "prr_upper", "ror", "ror_lower", "ror_upper"),
            1e-6,
            filled,
        ),
        ("values_ebgm", ("ebgm",), 1e-6, np.ones_like(filled)),
        ("values_eb05_eb95", ("eb05", "eb95"), 1e-3, np.ones_like(filled)),
    ):
        apart = max(
            float(np.max(np.abs(own[column] / other[column] - 1)[compared])) for column in columns
        )
        rows.append(
            Row(
                name,
                apart,
                "apart",
                f"vigipy {VIGIPY}, {int(compared.sum()):,} pairs",
                **at_most(most, "", apart),
            )
        )
    return rows
