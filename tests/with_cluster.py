"""Run a command with a Kafka broker and a PostgreSQL server of its own, gone at its end.

    python -m tests.with_cluster ketavigil bench cluster

The command finds them in KETAVIGIL_BROKER and KETAVIGIL_STORE.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import kafka_server, postgres_server


def main(command: list[str]) -> int:
    """The command's own status."""
    with (
        tempfile.TemporaryDirectory(prefix="ketavigil-kafka-") as folder,
        kafka_server.running(Path(folder)) as broker,
        postgres_server.running(fsync=True) as server,
    ):
        environment = {
            "KETAVIGIL_BROKER": f"kafka://{broker.address}",
            "KETAVIGIL_STORE": server.url,
        }
        return subprocess.run(command, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
