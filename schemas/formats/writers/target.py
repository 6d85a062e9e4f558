"""Where reports are written to."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from schemas.errors import InputError
from schemas.formats.icsr.exchange import Exchange


@dataclass(slots=True)
class Target:
    """A file that is being written, and what a batch says of itself where the format has one.

    `written` counts reports; what the format cannot hold of them is counted in `left_out`.
    """

    path: Path
    exchange: Exchange
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The file, which takes its name only when all of it is written.

        `InputError` ("cannot_write").
        """
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            # no time in a packed file: the same reports give the same bytes
            with (
                part.open("wb") as plain,
                gzip.GzipFile("", "wb", fileobj=plain, mtime=0)
                if self.path.suffix == ".gz"
                else plain as file,
            ):
                yield cast(IO[bytes], file)
            part.replace(self.path)
        except OSError as error:
            raise InputError("cannot_write", f"{self.path}: {error.strerror or error}") from None
        finally:
            part.unlink(missing_ok=True)
