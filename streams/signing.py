"""The key that signs heads of the audit trail: Ed25519, apart from the master key.

It is `trail.key` in the data directory (readable by its owner only, made at first use) or
`KETAVIGIL_TRAIL_KEY` (base64 of 32 bytes). Nothing is lost with it but the power to sign: old
signatures are checked with public keys, which stand in the trail.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.errors import InputError, StoreError

ENVIRONMENT = "KETAVIGIL_TRAIL_KEY"
_KEY = 32


class Signer:
    """Signs with a private key of 32 bytes.

    >>> signer = Signer(bytes(32))
    >>> holds(signer.public, b"message", signer.sign(b"message"))
    True
    """

    def __init__(self, private: bytes) -> None:
        if len(private) != _KEY:
            raise StoreError("trail_key", "the key of the trail must have 32 bytes")
        self._private = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(message)


def holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is that of this key over this message.

    >>> holds(bytes(32), b"message", bytes(64)), holds(b"no key", b"", b"")
    (False, False)
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def load_signer(data: Path | None) -> Signer | None:
    """The signer of a deployment; None where it has neither a data directory nor the variable.

    Raises `StoreError` ("trail_key") where what stands there is no key.
    """
    if given := os.environ.get(ENVIRONMENT):
        return Signer(_decoded(given.encode(), ENVIRONMENT))
    if data is None:
        return None
    path = data / "trail.key"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        fresh = _fresh(path)
        try:
            # of two processes that start at once, one makes the key and both use it
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return Signer(_decoded(path.read_bytes(), path.name))


def replace_key(data: Path | None) -> Signer:
    """A new key in place of `trail.key`, which is gone; the signer of it.

    Raises `InputError` ("no_key_file") where the key is not a file of the data directory.
    """
    if data is None or os.environ.get(ENVIRONMENT):
        raise InputError("no_key_file", f"the key is not a file; give another {ENVIRONMENT}")
    data.mkdir(parents=True, exist_ok=True)
    path = data / "trail.key"
    _fresh(path).replace(path)
    return Signer(_decoded(path.read_bytes(), path.name))


def _fresh(path: Path) -> Path:
    fresh = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(os.urandom(_KEY)))
        file.flush()
        os.fsync(file.fileno())
    return fresh


def _decoded(text: bytes, name: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raise StoreError("trail_key", f"{name} is not base64") from None
