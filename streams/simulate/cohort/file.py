"""A file of simulated records, in the order of arrival, and its truth beside it."""

from __future__ import annotations

import gzip
import heapq
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import msgspec

from schemas.errors import InputError
from streams.simulate.cohort.cohort import simulate
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.reports import reports
from streams.simulate.cohort.truth import CohortTruth, told
from streams.simulate.cohort.writing import followups

_EACH = 2_000  # records between two calls of `progress`

Progress = Callable[[str, int, int], None]
"""What is being done (`drawing`, `writing`), how much of it, and of how much."""


def truth_path(path: Path) -> Path:
    """Where the truth of a file stands.

    >>> truth_path(Path("a/simulated.ndjson")).name
    'simulated.ndjson.truth.json'
    """
    return path.with_name(f"{path.name}.truth.json")


def write(
    path: Path,
    plan: Plan,
    end: date,
    *,
    with_reports: bool = True,
    progress: Progress = lambda doing, done, of: None,
) -> CohortTruth:
    """Write the courses of a plan whose calendar ends on `end`, NDJSON, packed if it ends in .gz.

    Each file appears whole or not at all. Raises `InputError` ("not_writable").
    """
    origin = end - timedelta(days=plan.days - 1)
    cohort = simulate(plan, progress=lambda done, of: progress("drawing", done, of))
    reported = list(reports(cohort, origin)) if with_reports else []
    of = len(cohort) + len(reported)
    fresh, beside = path.with_name(f"{path.name}.new"), truth_path(path)
    fresh_truth = beside.with_name(f"{beside.name}.new")
    try:
        with gzip.open(fresh, "wb", 6) if path.suffix == ".gz" else fresh.open("wb") as file:
            both = heapq.merge(followups(cohort, origin), reported, key=lambda one: one.sent)
            for number, one in enumerate(both):
                if number % _EACH == 0:
                    progress("writing", number, of)
                file.write(one.raw)
                file.write(b"\n")
        progress("writing", of, of)
        truth = told(cohort, origin, reports=len(reported))
        fresh_truth.write_bytes(msgspec.json.format(msgspec.json.encode(truth)) + b"\n")
        os.replace(fresh, path)
        os.replace(fresh_truth, beside)
    except OSError as error:
        raise InputError("not_writable", f"{path}: {error.strerror or error}") from None
    finally:
        fresh.unlink(missing_ok=True)
        fresh_truth.unlink(missing_ok=True)
    return truth


def read_truth(path: Path) -> CohortTruth:
    """The truth of a file of simulated records."""
    return msgspec.json.decode(truth_path(path).read_bytes(), type=CohortTruth)
