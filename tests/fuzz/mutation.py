"""Mutations of bytes, the same for the same seed."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Sequence

# what parsers stumble over: ends and beginnings, numbers at edges, encodings, nesting
WORDS = [
    b"", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n", b"\n\n", b"\t",
    b'"', b"'", b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b"[" * 300, b'{"a":' * 300,
    b"<a>" * 300, b"</", b"/>", b"<!--", b"]]>", b"<![CDATA[", b"&amp;", b"&x;", b"&#0;",
    b"&#x110000;",
    b'<!DOCTYPE a [<!ENTITY b "c">]>', b'<!ENTITY a SYSTEM "b.txt">', b"<?xml?>",
    b"null", b"true", b"NaN", b"Infinity", b"-0", b"1e999", b"-1", b"0", b"9" * 30, b"1e-400",
    b"2147483648", b"9223372036854775808", b"0001-01-01", b"9999-12-31T23:59:60Z", b"2025-02-30",
    b"20250230", b"::", b"|", b"$", b",", b";", b"::PS", b"nullified", b"active", b"clinic-b",
    "\u202e".encode(), "é".encode("latin-1"), "\U0001f600".encode(), b"=cmd|' /C calc'!A0",
]  # fmt: skip


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the seeds with one to eight mutations, most often few."""
    content = chance.choice(seeds)
    for _ in range(min(8, 1 + int(chance.expovariate(0.7)))):
        content = _once(content, seeds, chance)
    return content


def mutated_zip(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """An archive of which the members are mutated, and at times the archive itself.

    Its bytes alone would hardly ever pass the check of their sums.
    """
    if chance.random() < 0.2:
        return mutated(seeds, chance)
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(chance.choice(seeds))) as given,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        members = given.namelist()
        for name in members:
            content = given.read(name)
            if chance.random() < 0.4:
                content = mutated([content, given.read(chance.choice(members))], chance)
            if chance.random() < 0.02:
                continue
            made.writestr(name, content)
    return out.getvalue()


def _once(content: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(content) + 1)
    end = min(len(content), start + int(chance.expovariate(1 / 12)))
    how = chance.randrange(9)
    if how == 0:  # a bit
        if not content:
            return b"\x01"
        at = start % len(content)
        return content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]
    if how == 1:
        return content[:start] + content[end:]
    if how == 2:
        return content[:start] + chance.choice(WORDS) + content[start:]
    if how == 3:
        return content[:start] + chance.choice(WORDS) + content[end:]
    if how == 4:  # again, a few times
        return content[:end] + content[start:end] * chance.randrange(1, 20) + content[end:]
    if how == 5:
        return content[:start] if chance.random() < 0.5 else content[start:]
    if how == 6:  # a piece of another one
        other = chance.choice(seeds)
        at = chance.randrange(len(other) + 1)
        return content[:start] + other[at : at + chance.randrange(200)] + content[end:]
    if how == 7:
        return content[:start] + chance.randbytes(chance.randrange(1, 9)) + content[end:]
    return content[:start] + content[start:end].swapcase() + content[end:]
