"""Prometheus and Alertmanager of the system's packages, for tests: tools and servers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "dashboards/prometheus"
ALERTMANAGER = ROOT / "dashboards/alertmanager"


def tool(name: str) -> str:
    """The path of a program; skips where it is missing, or fails if all is required."""
    found = shutil.which(name)
    if found is None:
        lacking = f"{name} is not installed (Debian: prometheus, prometheus-alertmanager)"
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found


def run(name: str, *arguments: str | Path, given: bytes = b"") -> str:
    """What a program prints; fails with it where the program does."""
    done = subprocess.run(
        (tool(name), *map(str, arguments)),
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, said
    return said
