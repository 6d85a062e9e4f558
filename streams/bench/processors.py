"""Time of the processors, as Linux counts it; 0 elsewhere."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path


def seconds(process: subprocess.Popen[bytes]) -> float:
    """Seconds of CPU that a process has had, by /proc; 0 where there is none."""
    with suppress(OSError):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def busy() -> float:
    """Seconds that all processors of this machine have worked."""
    with suppress(OSError):
        user, nice, system, _, _, irq, soft = map(
            int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8]
        )
        return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")
    return 0.0
