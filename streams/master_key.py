"""Where the master keys of a deployment are: in the environment, or in a file of its directory.

Each is 32 bytes in base64. Several stand one after the other, by commas or lines: the first seals,
all of them open. Two are there while a rotation goes on.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from schemas.errors import InputError, StoreError
from streams.sealing import KEY_BYTES, Sealer

VARIABLE = "KETAVIGIL_MASTER_KEY"
LOOK = 1.0  # seconds between looks at the file: all processes know a new key after so long


def load_sealer(data: Path | None) -> Sealer:
    """The sealer of a deployment.

    The master keys come from `KETAVIGIL_MASTER_KEY` or from `master.key` in the data directory,
    which is made at first use, readable by its owner only. The file is looked at again as long as
    the process lives.
    """
    if given := os.environ.get(VARIABLE):
        return Sealer(*keys_in(given, VARIABLE))
    path = key_file(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_keys(path, [os.urandom(KEY_BYTES)], fresh=True)
    return _Watching(path)


def key_file(data: Path | None) -> Path:
    """The file of a data directory; `StoreError` ("master_key") where there is none."""
    if data is None:
        raise StoreError(
            "master_key", f"set {VARIABLE}: without a data directory there is no key file"
        )
    return data / "master.key"


def keys_in(text: str, where: str) -> list[bytes]:
    """The keys that a text holds; `StoreError` ("master_key") where it is damaged."""
    try:
        found = [base64.b64decode(one, validate=True) for one in text.replace(",", "\n").split()]
    except ValueError:
        raise StoreError("master_key", f"{where} is not base64") from None
    if not found or any(len(key) != KEY_BYTES for key in found):
        raise StoreError("master_key", f"the master key must have {KEY_BYTES} bytes ({where})")
    return found


def write_keys(path: Path, keys: Sequence[bytes], *, fresh: bool = False) -> None:
    """Write the file as a whole, durable before it has its name.

    `fresh`: only where there is none; of two processes that start at once, one makes the key and
    both use it.
    """
    own = path.with_suffix(f".{os.getpid()}")
    own.unlink(missing_ok=True)
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"\n".join(map(base64.b64encode, keys)))
        file.flush()
        os.fsync(file.fileno())
    if fresh:
        try:
            os.link(own, path)
        except FileExistsError:
            pass
        finally:
            own.unlink()
    else:
        own.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def held(data: Path | None) -> list[bytes]:
    """The keys of the file; `InputError` ("key_in_environment") where it is not what is used."""
    if os.environ.get(VARIABLE):
        raise InputError(
            "key_in_environment",
            f"{VARIABLE} is set: put the new key before the old one there, by a comma, start every "
            "process anew, and rotate then",
        )
    return _read(key_file(data))()


def _read(path: Path) -> Callable[[], list[bytes]]:
    def read() -> list[bytes]:
        try:
            return keys_in(path.read_text(), path.name)
        except (OSError, UnicodeDecodeError):
            raise StoreError("master_key", f"{path.name} cannot be read") from None

    return read


class _Watching(Sealer):
    """A sealer that sees within a second where its file was changed."""

    def __init__(self, path: Path) -> None:
        read = _read(path)
        self._path, self._looked, self._seen = path, time.monotonic(), _mark(path)
        super().__init__(*read(), again=read)

    def _sealed(self, plain: bytes) -> tuple[bytes, bytes]:
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            if (mark := _mark(self._path)) != self._seen:
                self.refresh()
                self._seen = mark
        return super()._sealed(plain)


def _mark(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
