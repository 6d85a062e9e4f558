"""A gateway of one's own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.streams.gateway.serving import Serving, serving


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Serving]:
    """A gateway that runs, on an empty log and store."""
    with serving(tmp_path) as found:
        yield found
