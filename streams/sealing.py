"""What is secret at rest: AES-256-GCM, a key per record, wrapped by the master key.

Erasing a record is the loss of its wrapped key; hashes are over the sealed bytes, so that they
still hold afterwards. The raw bytes of a record have their wrapped key beside them; what was read
of it (and the state of a course) is enclosed: a mark, the wrapped key, the sealed bytes, in one.

Several master keys may open, the first of them seals: that is a rotation (`streams.master_key`).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import StoreError

KEY_BYTES = 32
WRAPPED_BYTES = 60
MARK = b"\x01"  # of what is enclosed: no JSON and no map of MessagePack begins so
_NONCE = 12
_HEAD = len(MARK) + WRAPPED_BYTES
# a key seals one message only, so a fixed nonce never repeats under one key
_FIXED = bytes(_NONCE)


class Sealed(NamedTuple):
    """A sealed record: the bytes, its wrapped key, and SHA-256 over the bytes."""

    sealed: bytes
    wrapped_key: bytes
    sealed_hash: bytes


class Sealer:
    """Seals with a master key of 32 bytes, opens with it and with older ones.

    `again` gives the keys as they are now, the one that seals first: where a key is not known, and
    whenever `refresh` is called, they are read anew. Safe for several threads.

    >>> sealer = Sealer(bytes(32))
    >>> sealer.open(*sealer.seal(b"raw")[:2]), sealer.disclose(sealer.enclose(b"read"))
    (b'raw', b'read')
    >>> Sealer(b"1" * 32, bytes(32)).disclose(sealer.enclose(b"read"))
    b'read'
    """

    def __init__(self, *masters: bytes, again: Callable[[], Sequence[bytes]] | None = None) -> None:
        self._again = again
        self._reading = threading.Lock()
        self._take(masters)

    def _take(self, masters: Sequence[bytes]) -> None:
        if not masters or any(len(key) != KEY_BYTES for key in masters):
            raise StoreError("master_key", f"the master key must have {KEY_BYTES} bytes")
        # one assignment, so that another thread sees the one set or the other
        self._held = tuple((key, AESGCM(key)) for key in masters)

    def refresh(self) -> None:
        """Read the master keys anew."""
        if self._again is not None:
            with self._reading:
                masters = self._again()
                if tuple(masters) != tuple(key for key, _ in self._held):
                    self._take(masters)

    @property
    def names(self) -> tuple[str, ...]:
        """A name of each master key, from which it cannot be told; the one that seals first.

        >>> Sealer(bytes(32)).names
        ('66687aad',)
        """
        return tuple(hashlib.sha256(key).hexdigest()[:8] for key, _ in self._held)

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """Secrets of 32 bytes for another purpose, one of each master key, the newest first."""
        return tuple(hmac.digest(key, purpose.encode(), "sha256") for key, _ in self._held)

    def seal(self, raw: bytes) -> Sealed:
        """Seal the bytes of one record under a new key."""
        wrapped, sealed = self._sealed(raw)
        return Sealed(sealed, wrapped, hashlib.sha256(sealed).digest())

    def enclose(self, plain: bytes) -> bytes:
        """Bytes sealed under a new key, and that key wrapped, in one."""
        wrapped, sealed = self._sealed(plain)
        return MARK + wrapped + sealed

    def _sealed(self, plain: bytes) -> tuple[bytes, bytes]:
        fresh = os.urandom(KEY_BYTES + _NONCE)
        key, nonce = fresh[:KEY_BYTES], fresh[KEY_BYTES:]
        sealed = AESGCM(key).encrypt(_FIXED, plain, None)
        return nonce + self._held[0][1].encrypt(nonce, key, None), sealed

    def open(self, sealed: bytes, wrapped_key: bytes) -> bytes:
        """The raw bytes; `StoreError` ("wrong_master_key") where they cannot be opened.

        A damaged message of the log, kept as it is, has an empty key and was never sealed.
        """
        if not wrapped_key:
            return sealed
        key, _ = self._unwrapped(wrapped_key)
        try:
            return AESGCM(key).decrypt(_FIXED, sealed, None)
        except (InvalidTag, ValueError):
            raise _wrong() from None

    def disclose(self, enclosed: bytes) -> bytes:
        """What `enclose` was given; errors as `open`. What has no mark was never enclosed."""
        if enclosed[:1] != MARK:
            return enclosed
        return self.open(enclosed[_HEAD:], enclosed[1:_HEAD])

    def rewrapped(self, wrapped_key: bytes) -> bytes | None:
        """A wrapped key under the newest master key; None where it is so already."""
        if not wrapped_key:
            return None
        key, place = self._unwrapped(wrapped_key)
        if not place:
            return None
        nonce = os.urandom(_NONCE)
        return nonce + self._held[0][1].encrypt(nonce, key, None)

    def enclosed_anew(self, enclosed: bytes) -> bytes | None:
        """What is enclosed with its key under the newest master key; None where it is so."""
        if enclosed[:1] != MARK:
            return None
        wrapped = self.rewrapped(enclosed[1:_HEAD])
        return None if wrapped is None else MARK + wrapped + enclosed[_HEAD:]

    def _unwrapped(self, wrapped: bytes) -> tuple[bytes, int]:
        """A record's key, and which of the master keys it is under."""
        nonce, rest = wrapped[:_NONCE], wrapped[_NONCE:]
        for trial in range(2):
            for place, (_, master) in enumerate(self._held):
                try:
                    return master.decrypt(nonce, rest, None), place
                except (InvalidTag, ValueError):
                    continue
            if not trial:
                # another process may have begun to seal with a new one
                self.refresh()
        raise _wrong()


def _wrong() -> StoreError:
    return StoreError("wrong_master_key", "a sealed record does not open with this master key")
