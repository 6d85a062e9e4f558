"""A small disk that can be filled: a mount of its own in memory, which only root can make."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Unavailable(Exception):
    """This machine lets nobody mount; the message says why."""


class Disk:
    """A folder that holds so many bytes and no more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave not a byte."""
        file = os.open(self._filler, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            for block in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while os.write(file, bytes(block)):
                        pass
        finally:
            os.close(file)

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk mounted at a new folder, gone with all on it at the end."""
    if os.geteuid() != 0:
        raise Unavailable("only root can mount, so there is no small disk to test with")
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder))
    try:
        yield Disk(folder)
    finally:
        # at once for everybody else, where something is still open on it
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{command[0]} failed: {done.stderr.strip()}")
