"""The published packages' results and the public data, which stand outside the checkout."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "../shared"


def shared(name: str) -> Path:
    """A file of the shared folder; skips the test where it is missing, unless all must run."""
    path = SHARED / name
    if not path.exists():
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            pytest.fail(f"../shared/{name} is missing")
        pytest.skip(f"../shared/{name} is not here: the oracle was not consulted")
    return path


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a shared CSV file, gzipped or not."""
    data = shared(name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    yield from csv.DictReader(io.StringIO(text, newline=""))
