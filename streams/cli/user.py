"""`ketavigil user`: the people who sign in to the board."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from dashboards import people
from dashboards.lockout import Lockout, locked
from dashboards.registration import PREFIX
from dashboards.subjects import link_subject, list_subjects, unlink_subject
from streams.cli.options import as_json, deployment, operator
from streams.settings import Settings
from streams.store.store import Store, open_store

_name = click.option("--name", required=True, help="The name they sign in with.")


@click.group(short_help="People who sign in to the board.")
def command() -> None:
    """People who sign in to the board."""


@command.command()
@deployment
@_name
@click.option("--role", required=True, type=click.Choice(people.ROLES), help="May do.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line.")
@click.option("--link-only", is_flag=True, help="No password: they sign in by link.")
@click.option(
    "--patient-level", is_flag=True, help="May read rows of single patients; officers always may."
)
def create(
    settings: Settings,
    *,
    name: str,
    role: people.Role,
    password_stdin: bool,
    link_only: bool,
    patient_level: bool,
) -> None:
    """Add a person; the password is asked for."""
    if password_stdin and link_only:
        raise click.UsageError("--password-stdin and --link-only exclude each other")
    password: str | None = None
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not link_only:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with _store(settings) as store:
        people.create_user(store, name, role, password, patient_level=patient_level, by=operator())


@command.command("list")
@deployment
@as_json
def list_(settings: Settings, as_json: bool) -> None:
    """List people."""
    with _store(settings) as store:
        found = people.list_users(store)
        with store.read() as connection:
            waiting = locked(connection, time.time())
        subjects = list_subjects(store)
    if as_json:
        rows = [{key: getattr(user, key) for key in user.__slots__} for user in found]
        for row in rows:
            row |= {"locked_until": waiting.get(row["name"]), "subject": subjects.get(row["name"])}
        print(json.dumps(rows))
        return
    for user in found:
        state = "disabled" if user.disabled_at else "locked" if user.name in waiting else "active"
        granted = "\tpatient level" if user.patient_level else ""
        granted += "\tnarratives" if user.narratives else ""
        granted += f"\tsubject {subjects[user.name]}" if user.name in subjects else ""
        print(f"{user.name}\t{user.role}\t{state}{granted}")


@command.command()
@deployment
@_name
def disable(settings: Settings, name: str) -> None:
    """End a person's access, and sign them out."""
    with _store(settings) as store:
        people.disable_user(store, name, operator())


@command.command()
@deployment
@_name
@click.option("--patient-level/--no-patient-level", default=None, help="Rows of single patients.")
@click.option(
    "--narratives/--no-narratives", default=None, help="Narratives of cases; needs --why."
)
@click.option("--why", default="", help="The reason, for the audit trail.")
def grant(
    settings: Settings, name: str, *, patient_level: bool | None, narratives: bool | None, why: str
) -> None:
    """Let a person read rows of single patients (line listings, courses, cases), or no longer.

    Narratives of cases are a grant of their own, which no role has, for who may read those rows.
    """
    if patient_level is None and narratives is None:
        raise click.UsageError("say what: --patient-level, --narratives, or --no- and either")
    with _store(settings) as store:
        people.grant(
            store, name, patient_level=patient_level, narratives=narratives, why=why, by=operator()
        )


@command.command()
@deployment
@_name
def link(settings: Settings, name: str) -> None:
    """Print the path of a link that signs a person in once, within twelve hours."""
    with _store(settings) as store:
        print(people.create_link(store, name, operator()))


@command.command()
@deployment
@_name
@click.option("--issuer", envvar=f"{PREFIX}ISSUER", default="", help="URL of the provider.")
@click.option("--subject", help="Who they are there: the claim `sub`.")
@click.option("--none", is_flag=True, help="They no longer sign in by a provider.")
def subject(settings: Settings, name: str, *, issuer: str, subject: str | None, none: bool) -> None:
    """Let a person sign in by the OpenID provider, as who they are there."""
    if none == (subject is not None):
        raise click.UsageError("give either --subject or --none")
    if subject is not None and not issuer:
        raise click.UsageError(f"set {PREFIX}ISSUER, or give --issuer")
    with _store(settings) as store:
        if subject is None:
            unlink_subject(store, name, operator())
        else:
            link_subject(store, name, issuer, subject, operator())


@command.command("password")
@deployment
@_name
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line.")
def password_(settings: Settings, name: str, password_stdin: bool) -> None:
    """Give a person a new password, and sign them out; it is asked for."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with _store(settings) as store:
        people.set_password(store, name, password, operator())


@command.command()
@deployment
@_name
def unlock(settings: Settings, name: str) -> None:
    """Let a person who is locked out after failed sign-ins try again at once."""
    with _store(settings) as store:
        Lockout(store).unlock(name, operator())


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.store)
    try:
        yield store
    finally:
        store.close()
