"""`ketavigil erase`: a patient's records, or a case, made unreadable on request."""

from __future__ import annotations

import json
import sys

import click

from schemas.errors import InputError
from streams.cli.options import as_json, deployment, operator
from streams.settings import Settings


@click.command
@deployment
@as_json
@click.option("--sender", help="The sender or registry whose patient or case it is.")
@click.option("--patient", help="The pseudonym that the sender uses; - reads it from a line.")
@click.option("--report", help="Or one case, by the sender's number of it.")
@click.option("--why", help="The reason, for the audit trail; it stays, so it names nobody.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--resume", is_flag=True, help="Only end what was begun and interrupted.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds to wait for a worker.")
def command(
    *,
    settings: Settings,
    as_json: bool,
    sender: str | None,
    patient: str | None,
    report: str | None,
    why: str | None,
    dry_run: bool,
    resume: bool,
    timeout: float,
) -> int:
    """Erase a patient's reports and follow-up records, or one case, by the loss of their keys.

    What they count as stays, without anything that says whose they were, so counts, past reports
    and the audit trail hold; nothing more of the patient is taken. Interrupted, the same command,
    or --resume, ends it. What copies and backups hold goes when the master key is rotated
    (`ketavigil master-key rotate`) and the old one destroyed.
    """
    from streams.agents.running import running_worker
    from streams.log import open_log
    from streams.master_key import load_sealer
    from streams.privacy import erasing
    from streams.privacy.finding import Subject
    from streams.store.store import open_store

    if resume == bool(patient or report) or (patient and report) or (not resume and not sender):
        raise click.UsageError("give --sender with --patient or --report, or --resume alone")
    if not resume and not dry_run and not why:
        raise InputError("no_reason", "say --why: the audit trail has it")
    if patient == "-":
        patient = sys.stdin.readline().strip()
    subject = Subject("patient" if patient else "report", sender or "", patient or report or "")
    store = open_store(settings.store, create=False, sealer=load_sealer(settings.data))
    log = open_log(settings.broker)
    try:
        if dry_run and not resume:
            with store.read() as connection:
                planned = erasing.plan(connection, subject)
            _say(planned, [], as_json, "would lose their keys")
            return 0
        done = None
        if not resume:
            done = erasing.erase(store, settings, log, subject, why=why or "", by=operator())
        with store.read() as connection:
            waiting = erasing.waiting(connection)
        ended = []
        if waiting:
            with running_worker(settings):
                ended = erasing.finish(store, settings, log, by=operator(), timeout=timeout)
    finally:
        log.close()
        store.close()
    _say(done, ended, as_json, "lost their keys")
    return 0


def _say(done: object, ended: list[int], as_json: bool, what: str) -> None:
    from streams.privacy.erasing import Erased

    said = done if isinstance(done, Erased) else None
    if as_json:
        figures = {} if said is None else {"entry": said.entry, "cases": said.cases}
        figures |= {} if said is None else said.lost._asdict()
        print(json.dumps({**figures, "ended": ended}))
        return
    if said is not None:
        lost = said.lost
        print(f"{lost.records} records {what}, {lost.bodies} with contents that were read")
        print(f"{said.cases} cases, {lost.courses} courses; what they count as stays")
        if said.entry is not None:
            print(f"entry {said.entry} of the audit trail")
    for number in ended:
        print(f"the log has let go of what it held at entry {number}")
    if said is None and not ended:
        print("nothing was open")
