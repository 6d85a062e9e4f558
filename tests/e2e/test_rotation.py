"""A new master key while clinics push: killed in the middle, gone on with, the old one dropped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.deployment import Deployment
from tests.faults.test_kill import Follower, Pusher, rows

# a real death of the process after the first rows of a table
KILLED = """
import os, signal, sys
from streams.privacy import rotating
rotating._ROWS = 40
rewrap = rotating.rewrap
def die(count): os.kill(os.getpid(), signal.SIGKILL)
rotating.rewrap = lambda store, sealer, progress: rewrap(store, sealer, die)
from streams.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_nothing_is_lost_while_the_master_key_changes(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data") as deployment:
        deployment.up()
        pushers = [
            kind(deployment, name, deployment.key(name))
            for kind, name in ((Pusher, "clinic-a"), (Follower, "registry-b"))
        ]
        for pusher in pushers:
            pusher.pause = 0.3
            pusher.start()
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, "master-key", "rotate"],
            env=deployment.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        half = json.loads(deployment.run("master-key", "status", "--json").stdout)
        assert len(half["keys"]) == 2
        assert half["older"]["records"] > 0
        # nothing goes while something needs it
        assert "still under an older key" in deployment.run("master-key", "drop", status=1).stderr
        done = json.loads(deployment.run("master-key", "rotate", "--json").stdout)
        assert done["seals"] == half["keys"][0]
        assert done["rewrapped"]["records"] == half["older"]["records"]
        gone = json.loads(deployment.run("master-key", "drop", "--json").stdout)
        assert gone == {"seals": half["keys"][0], "gone": half["keys"][1:]}
        assert "one master key only" in deployment.run("master-key", "drop", status=2).stderr
        for pusher in pushers:
            pusher.enough.set()
            pusher.join(timeout=60)
            assert pusher.unexpected == []
        deployment.verify()
        stored = {
            (sender, record, version)
            for sender, record, version in rows(
                deployment.data,
                "SELECT c.sender, c.report_id, v.version FROM cases c"
                " JOIN versions v ON v.case_id = c.id",
            )
        }
        for pusher in pushers:
            assert {(pusher.sender, *one) for one in pusher.confirmed} <= stored
        deployment.run("rebuild")
        trail = rows(
            deployment.data, "SELECT what FROM trail WHERE what LIKE 'master_key%' ORDER BY seq"
        )
        said = [what for (what,) in trail]
        assert said == ["master_key_begun", "master_key_rotated", "master_key_dropped"]
