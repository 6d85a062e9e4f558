"""Where the reference material stands that tests read and the project does not ship."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[2] / "shared"


def shared(path: str) -> Path:
    """A file of the shared folder; skips where it is missing, or fails if all is required."""
    found = _SHARED / path
    if not found.exists():
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            pytest.fail(f"shared/{path} is missing and KETAVIGIL_REQUIRE_ALL is set")
        pytest.skip(f"shared/{path} is not here")
    return found
