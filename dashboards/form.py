"""The form of the workflow, as a browser sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboards.liver import PREFIX


@dataclass(frozen=True, slots=True)
class Form:
    """What somebody asks for: a move (`to`; empty: none), and what goes with the signal.

    `revision` is that of the page they looked at.
    """

    revision: int = 0
    to: str = ""
    note: str = ""
    reason: str = ""
    priority: str = ""
    owner: str = ""
    due: str = ""
    causality: str = ""
    rucam: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Form:
        """From the fields of a form.

        >>> Form.of({"revision": "2", "to": "validated", "note": " seen "}).note
        'seen'
        """
        named = [name for name in cls.__slots__ if name not in ("revision", "rucam")]
        given = {name: fields.get(name, "").strip() for name in named}
        rucam = tuple(
            (name.removeprefix(PREFIX), value.strip())
            for name, value in fields.items()
            if name.startswith(PREFIX) and value.strip()
        )
        number = fields.get("revision", "")
        known = number.isascii() and number.isdigit() and len(number) < 10
        return cls(int(number) if known else -1, **given, rucam=rucam)
