"""Electronic signatures (21 CFR Part 11): the password again, and a meaning."""

from __future__ import annotations

import math

from sqlalchemy import select

from dashboards.language import _
from dashboards.lockout import Lockout
from dashboards.people import check_password
from dashboards.sessions import Viewer
from schemas.errors import InputError
from streams.store import tables
from streams.store.signatures import MEANINGS
from streams.store.store import Store


def confirm(store: Store, viewer: Viewer, password: str, meaning: str, host: str) -> None:
    """Make sure that it is the person who is signed in who signs; failures count as at the sign-in.

    Raises `InputError`: "meaning_missing", "password_missing", "no_password", "signing_locked",
    "wrong_password".
    """
    if meaning not in MEANINGS:
        raise InputError("meaning_missing", _("say what your signature means"))
    if not password:
        raise InputError("password_missing", _("give your password again to sign"))
    users = tables.users
    with store.read() as connection:
        held = select(users.c.password_hash).where(users.c.name == viewer.name)
        if connection.scalar(held) is None:
            raise InputError(
                "no_password",
                _(
                    "you have no password to sign with: a link or a provider signs you in, and "
                    "does not sign; an administrator gives you one by `ketavigil user password`"
                ),
            )
    lockout = Lockout(store)
    attempt = lockout.attempt(host, viewer.name)
    if attempt.wait:
        minutes = math.ceil(attempt.wait / 60)
        raise InputError(
            "signing_locked", _("too many wrong passwords; wait {minutes} min", minutes=minutes)
        )
    if not check_password(store, viewer.name, password):
        lockout.failed(attempt, "password", viewer.actor, "signature_failed")
        raise InputError("wrong_password", _("that is not your password; nothing was signed"))
    lockout.passed(attempt)
