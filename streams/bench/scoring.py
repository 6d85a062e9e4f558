"""One side of `bench detectors`, in a process of its own: score a table, print how long it took.

`python -m streams.bench.scoring SIDE WHAT FILE [OUT]`, SIDE `ketavigil` or `vigipy`, WHAT `gps` or
`prr_ror_ic`. With the path of this file it runs in an environment that has nothing but vigipy. OUT
takes the scores, for the comparison of values; GPS then has the file's prior.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = dict[str, npt.NDArray[Any]]


def ketavigil(what: str, cells: Any, prior: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """What is timed, and what makes columns of its result in the order of the cells."""
    from detectors.disproportionality import ebgm, ic, prr, ror
    from detectors.disproportionality.table import PairTable, score

    product, event, n = cells["product"], cells["event"], cells["n"]
    table = PairTable(
        _names("P", product).astype(object),
        _names("E", event).astype(object),
        n,
        np.bincount(product, n)[product].astype(np.int64),
        np.bincount(event, n)[event].astype(np.int64),
        np.full(len(n), n.sum()),
    )
    methods = [ebgm.METHOD] if what == "gps" else [prr.METHOD, ror.METHOD, ic.METHOD]
    given = {} if prior is None else {"ebgm": ebgm.Parameters(prior=tuple(prior.tolist()))}
    return lambda: score(table, methods, given), lambda columns: columns


def vigipy(what: str, cells: Any, prior: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """The same of vigipy, on the container that its own `convert` makes, every pair scored."""
    package, pandas = importlib.import_module("vigipy"), importlib.import_module("pandas")
    frame = pandas.DataFrame(
        {
            "name": _names("P", cells["product"]),
            "AE": _names("E", cells["event"]),
            "count": cells["n"],
        }
    )
    container = package.convert(frame)
    wanted = {"gps": ("gps",), "prr_ror_ic": ("prr", "ror", "bcpnn")}[what]
    given = {"gps": {} if prior is None else {"prior_param": prior}}

    def run() -> list[Any]:
        return [
            getattr(package, name)(container, min_events=1, **given.get(name, {}))
            for name in wanted
        ]

    def columns(results: list[Any]) -> Scores:
        out: Scores = {}
        for name, result in zip(wanted, results, strict=True):
            found = result.all_signals.set_index(["Product", "Adverse Event"])
            found = found.loc[list(zip(frame["name"], frame["AE"], strict=True))]
            for own, theirs in {
                "prr": (("prr", "PRR"), ("prr_lower", "CI Lower"), ("prr_upper", "CI Upper")),
                "ror": (("ror", "ROR"), ("ror_lower", "CI Lower"), ("ror_upper", "CI Upper")),
                "bcpnn": (("ic025", "quantile"),),
                "gps": (("ebgm", "EBGM"), ("eb05", "LowerBound"), ("eb95", "UpperBound")),
            }[name]:
                out[own] = found[theirs].to_numpy(dtype=np.float64)
        return out

    return run, columns


def _names(letter: str, codes: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Names that sort as their codes do."""
    return np.array([f"{letter}{i:05d}" for i in range(codes.max() + 1)])[codes]


def peak() -> float:
    """The most memory that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # there ru_maxrss starts at what the parent held when it forked
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(held.split()[1]) / 1000
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1e6 if sys.platform == "darwin" else 1e3)


def main(side: str, what: str, file: str, out: str | None = None) -> None:
    """Print seconds of the statistic, without imports and reading, and peak memory in MB."""
    cells = dict(np.load(file))
    prior = cells["prior"] if out else None
    run, columns = {"ketavigil": ketavigil, "vigipy": vigipy}[side](what, cells, prior)
    gc.collect()
    began = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "megabytes": peak()}))
    if out:
        np.savez(out, **columns(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
