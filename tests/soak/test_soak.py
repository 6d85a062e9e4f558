"""Two minutes under a steady load: memory flat, no lag left, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kafka_server import DROPPED
from tests.soak.run import Sample, Soak, soak

pytestmark = DROPPED
MINUTES = 2.0


@pytest.mark.kafka
@pytest.mark.postgresql
@pytest.mark.usefixtures("kafka_broker", "postgresql_server")  # skipped where these are
def test_two_minutes_leave_no_lag_and_no_difference_and_memory_flat(tmp_path: Path) -> None:
    done = soak(tmp_path, MINUTES, rate=40, seed=1, every=2)
    assert done.records > 1_000
    assert done.failed == []
    assert 0 <= done.p50 <= done.p99
    assert done.flat, (done.memory(2), done.memory(4))


def grown(by: float) -> Soak:
    """Eight minutes in which a worker grows by so many MB a minute."""
    samples = [Sample(60.0 * n, {"worker": 200 + by * n, "web": 100}, 0) for n in range(9)]
    return Soak(8.0, samples=samples)


def test_memory_is_that_of_the_last_quarter_against_the_second() -> None:
    assert grown(2.0).memory(2) == {"worker": 206.0, "web": 100}
    assert grown(2.0).memory(4) == {"worker": 214.0, "web": 100}
    assert grown(2.0).flat
    assert not grown(8.0).flat


def test_a_run_without_samples_is_not_flat() -> None:
    assert not Soak(1.0).flat
