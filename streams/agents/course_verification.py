"""Whether the courses of the store are what their records say."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, exists, func, select

from detectors.cohort import Cohort
from detectors.followup import background
from detectors.followup.content import decode_content
from detectors.followup.counted import scope_of
from detectors.followup.course import decode_course
from detectors.followup.runs import runs
from schemas.vocabulary import Vocabulary
from streams.agents import strata
from streams.agents.check import Check
from streams.agents.cohort_evidence import CohortEvidence
from streams.agents.cohort_protocol import CohortProtocol, additions, rows_of
from streams.agents.configuration import Configuration
from streams.agents.courses import Courses
from streams.agents.followed import COLUMNS, rates
from streams.agents.signals import Signals
from streams.store import tables
from streams.store.changes import changes_between
from streams.store.course_content import contents
from streams.store.enclosed import ERASED, disclosed

_COURSES = 500  # replayed at a time


def check_rates(connection: Connection, configuration: Configuration) -> Check:
    """Rates and strata of the last checkpoint equal those of the courses in batch, to the bit.

    The batch side reads the courses, and the changes only of those that were erased.
    """
    table, stored = tables.courses, tables.rates
    book = Cohort.of(
        (row.id, row.revision, counted)
        for row, counted in contents(connection, connection.execute(select(table)).all())
    )
    held = connection.execute(select(*(stored.c[name] for name in COLUMNS))).all()
    at = connection.scalar(select(func.max(tables.checkpoints.c.at))) or 0.0
    lock_day = held[0].lock_day if held else datetime.fromtimestamp(at, UTC).toordinal()
    said = {tuple(row)[:-2] for row in held}
    expected = set(rates(book, configuration, lock_day))
    parts = tables.strata
    within = connection.execute(select(*(parts.c[name] for name in strata.COLUMNS[:-2])))
    wrong = said ^ expected
    wrong |= {tuple(row) for row in within} ^ set(strata.strata(book, configuration, lock_day))
    figures = {"courses": len(book), "rates": len(expected)}
    return Check("rates of the cohort equal batch", len(wrong), figures)


def check_cohort_looks(connection: Connection, configuration: Configuration) -> Check:
    """Every closed look says what the changes up to its position say, replayed from the first.

    The runs of tests with a horizon are those that follow from their additions.
    """
    signals = Signals()
    evidence = CohortEvidence(configuration, signals)
    known = background.read()
    plan = CohortProtocol(signals, known)
    days = connection.execute(
        select(tables.cohort_look_days).order_by(tables.cohort_look_days.c.day)
    ).all()
    book, after = Cohort(), -1
    rows: set[tuple[object, ...]] = set()
    added: set[tuple[object, ...]] = set()
    for one in days:
        for change in changes_between(connection, after, one.position):
            content = decode_content(change.payload) if change.status == "active" else None
            book.apply(change.case_id, change.revision, content)
        after = one.position
        scope, _ = scope_of(book, one.day, configuration.vocabulary.groups_of)
        rows |= {(*row, one.position) for row in evidence.enter(book, scope)}
        added |= {(*part, *new, one.position) for part, new in plan.enter(book, scope)}
    stored = {tuple(row) for row in connection.execute(select(tables.cohort_looks))}
    table = tables.cohort_additions
    wrong = rows ^ stored | added ^ {tuple(row) for row in connection.execute(select(table))}
    expected = {
        tuple(row.values())
        for part, given in additions(connection).items()
        for row in rows_of(
            part, runs(plan.tests[part.test], [one[1:] for one in given], known), given
        )
    }
    held = {tuple(row)[:-1] for row in connection.execute(select(tables.cohort_runs))}
    figures = {"looks": len(days), "rows": len(rows), "additions": len(added), "runs": len(held)}
    figures["runs_differing"] = len(expected ^ held)
    total = len(wrong) + figures["runs_differing"]
    return Check("looks of the cohort are those of the changes", total, figures)


def check_courses(connection: Connection, vocabulary: Vocabulary) -> Check:
    """Every course equals the fold of its records, and its findings are those of the fold.

    The fold reads the newest versions alone; the links from records to courses are checked too. Of
    a course that was erased there is nothing to fold: it is counted as erased.
    """
    table, found, links = tables.courses, tables.findings, tables.course_records
    courses = Courses(vocabulary)
    wrong, records, findings, erased = [], 0, 0, 0
    gone = connection.scalars(select(table.c.id).where(table.c.state == ERASED)).all()
    for start in range(0, len(gone), _COURSES):
        chunk = gone[start : start + _COURSES]
        of_these = select(func.count()).where(links.c.course_id.in_(chunk))
        erased += connection.scalar(of_these) or 0
    query = select(table.c.id).where(table.c.state != ERASED).order_by(table.c.id)
    numbers = connection.scalars(query).all()
    for start in range(0, len(numbers), _COURSES):
        chunk = numbers[start : start + _COURSES]
        again = courses.replayed(connection, chunk)
        stored: dict[int, set[tuple[str, ...]]] = {number: set() for number in chunk}
        for row in connection.execute(select(found).where(found.c.course_id.in_(chunk))):
            stored[row.course_id].add((row.stream, row.code, row.anchor, row.explanation))
        for number, state in connection.execute(
            select(table.c.id, table.c.state).where(table.c.id.in_(chunk))
        ):
            course = again[number]
            said = {(*finding.key, finding.explanation) for finding in course.findings}
            held = decode_course(disclosed(connection, state))
            if held != course or stored[number] != said:
                wrong.append(number)
            records += course.n
            findings += len(said)
    cases, versions = tables.cases, tables.versions
    active = (
        select(cases.c.id)
        .join(versions, versions.c.id == cases.c.newest)
        .where(cases.c.stream == "followups", versions.c.status == "active")
    )
    linked = connection.scalar(select(func.count()).select_from(links)) or 0
    unlinked = connection.scalar(
        select(func.count()).select_from(
            active.where(~exists().where(links.c.case_id == cases.c.id)).subquery()
        )
    )
    figures = {
        "courses": len(numbers),
        "records": records,
        "findings": findings,
        "erased": len(gone),
        "differing": wrong[:10],
        "unlinked": unlinked,
    }
    return Check(
        "courses equal the replay of their records",
        len(wrong) + (unlinked or 0) + abs(linked - records - erased),
        figures,
    )
