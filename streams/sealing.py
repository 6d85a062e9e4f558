"""Raw bytes at rest: AES-256-GCM under a key per record, wrapped by the master key.

Erasing a record is the loss of its wrapped key; hashes are over the sealed bytes, so that they
still hold afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import StoreError

_NONCE = 12
_KEY = 32
# a record's key seals one message only, so a fixed nonce never repeats under one key
_FIXED = bytes(_NONCE)


class Sealed(NamedTuple):
    """A sealed record: the bytes, its wrapped key, and SHA-256 over the bytes."""

    sealed: bytes
    wrapped_key: bytes
    sealed_hash: bytes


class Sealer:
    """Seals and opens records with a master key of 32 bytes.

    >>> sealer = Sealer(bytes(32))
    >>> sealer.open(*sealer.seal(b"raw")[:2])
    b'raw'
    """

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != _KEY:
            raise StoreError("master_key", "the master key must have 32 bytes")
        self._master = AESGCM(master_key)
        self._secret = master_key

    def derive(self, purpose: str) -> bytes:
        """A secret of 32 bytes for another purpose, from which the master key cannot be told."""
        return hmac.digest(self._secret, purpose.encode(), "sha256")

    def seal(self, raw: bytes) -> Sealed:
        """Seal the bytes of one record under a new key."""
        fresh = os.urandom(_KEY + _NONCE)
        key, nonce = fresh[:_KEY], fresh[_KEY:]
        sealed = AESGCM(key).encrypt(_FIXED, raw, None)
        wrapped = nonce + self._master.encrypt(nonce, key, None)
        return Sealed(sealed, wrapped, hashlib.sha256(sealed).digest())

    def open(self, sealed: bytes, wrapped_key: bytes) -> bytes:
        """The raw bytes; `StoreError` ("wrong_master_key") where they cannot be opened.

        A damaged message of the log, kept as it is, has an empty key and was never sealed.
        """
        if not wrapped_key:
            return sealed
        try:
            key = self._master.decrypt(wrapped_key[:_NONCE], wrapped_key[_NONCE:], None)
            return AESGCM(key).decrypt(_FIXED, sealed, None)
        except (InvalidTag, ValueError):
            raise StoreError(
                "wrong_master_key", "a sealed record does not open with this master key"
            ) from None


def load_sealer(data: Path | None) -> Sealer:
    """The sealer of a deployment.

    The master key comes from `KETAVIGIL_MASTER_KEY` (base64) or from `master.key` in the data
    directory, which is made at first use, readable by its owner only.
    """
    if given := os.environ.get("KETAVIGIL_MASTER_KEY"):
        try:
            return Sealer(base64.b64decode(given, validate=True))
        except ValueError:
            raise StoreError("master_key", "KETAVIGIL_MASTER_KEY is not base64") from None
    if data is None:
        raise StoreError(
            "master_key", "set KETAVIGIL_MASTER_KEY: without a data directory there is no key file"
        )
    path = data / "master.key"
    data.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(_KEY)))
            file.flush()
            os.fsync(file.fileno())
        try:
            # of two processes that start at once, one makes the key and both use it
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return Sealer(base64.b64decode(path.read_bytes()))
