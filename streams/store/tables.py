"""The tables of the store.

`records` has one row for every record received; a row of `versions`, `duplicates` or `quarantine`
says what became of it, and nothing else does: no counter is kept.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from streams.store.look_tables import confirmations, evidence, families, look_counts, looks
from streams.store.people_tables import (
    acts,
    attempts,
    round_trips,
    seen,
    subjects,
    trail,
    trail_heads,
    workflow,
)
from streams.store.privacy_tables import erased_names, erasures
from streams.store.schema import Id, metadata

__all__ = ["confirmations", "evidence", "families", "look_counts", "looks", "metadata"]
__all__ += ["acts", "attempts", "seen", "trail", "trail_heads", "workflow"]
__all__ += ["round_trips", "subjects"]
__all__ += ["erased_names", "erasures"]

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("consumer", String, primary_key=True, comment="intake, follow_up or detect"),
    Column("topic", String, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("log_id", String, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("stream", String, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("place", Integer, nullable=False, comment="of the record in its envelope"),
    Column("request_index", Integer, nullable=False),
    Column("sender", String, nullable=False),
    Column("origin", String, nullable=False, comment="push or import"),
    Column("taken_at", Float, nullable=False, comment="seconds since 1970, the gateway's clock"),
    Column("sealed", LargeBinary, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=True, comment="null: erased"),
    Column("sealed_hash", LargeBinary, nullable=False),
    Column("erased_by", Id, nullable=True, comment="entry of the trail by which its key was lost"),
    UniqueConstraint("stream", "partition", "offset", "place"),
    Index("ix_records_sender_taken", "sender", "taken_at"),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", String, nullable=False, unique=True, comment="stream, sender, report id"),
    Column("stream", String, nullable=False),
    Column("sender", String, nullable=False),
    Column("report_id", String, nullable=False),
    Column("newest", Id, nullable=False, comment="id of the version that counts"),
    Column("revision", Integer, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, comment="= records.id"),
    Column("case_id", Id, nullable=False, index=True),
    Column("version", BigInteger, nullable=True),
    Column("information_date", String, nullable=False),
    Column("sort_key", String, nullable=False, comment="of the information date"),
    Column("content_hash", LargeBinary, nullable=False),
    Column("status", String, nullable=False),
    Column("version_conflict", Boolean, nullable=False),
    Column(
        "body",
        LargeBinary,
        nullable=False,
        comment="canonical JSON, no narrative; enclosed; empty: erased",
    ),
    Column("coded", LargeBinary, nullable=False, comment="MessagePack: a Change, see intake"),
)

duplicates = Table(
    "duplicates",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, comment="= records.id"),
    Column("version_id", Id, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, comment="= records.id"),
    Column("stage", String, nullable=False, comment="gateway, quality or suite"),
    Column("code", String, nullable=False, index=True),
    Column("rule", String, nullable=True),
    Column("report_id", String, nullable=True),
    Column("faults", LargeBinary, nullable=False, comment="JSON: list of code, path, message"),
    Column("held_at", Float, nullable=False),
    Column("entry", LargeBinary, nullable=True, comment="MessagePack: as checked, unsealed part"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("owner", String, nullable=False, comment="consumer/topic/partition that wrote it"),
    Column("topic", String, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("case_id", Id, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="MessagePack: envelope.Change"),
    Column("applied_at", Float, nullable=False, index=True),
)

linked_cases = Table(
    "linked_cases",
    metadata,
    Column("case_id", Id, primary_key=True, autoincrement=False),
    Column("counted_by", Id, nullable=False, comment="the case that counts for it"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("changes", Integer, nullable=False, comment="up to here"),
    Column("cases", Integer, nullable=False),
    Column("pairs", Integer, nullable=False),
    Column("fits", Text, nullable=False, comment="JSON: the prior of EBGM of each dataset"),
    Column("configuration", String, nullable=False, comment="hash of rules, vocabulary, watchlist"),
    Column("code_version", String, nullable=False),
    Column("seconds", Float, nullable=False),
)

STATISTICS = (
    "expected",
    "prr",
    "prr_lower",
    "prr_upper",
    "ror",
    "ror_lower",
    "ror_upper",
    "rrr",
    "chi2",
    "chi2_yates",
    "fisher_p",
    "fisher_mid_p",
    "ic",
    "ic025",
    "ic975",
    "ebgm",
    "eb05",
    "eb95",
)

scores = Table(
    "scores",
    metadata,
    Column("dataset", String, primary_key=True),
    Column("product", String, primary_key=True),
    Column("event", String, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("n_product", Integer, nullable=False),
    Column("n_event", Integer, nullable=False),
    Column("n_total", Integer, nullable=False),
    *(Column(name, Float, nullable=True) for name in STATISTICS),
    Column("watched", Boolean, nullable=False, index=True),
    Column("position", BigInteger, nullable=False, comment="in changes, at which computed"),
    Column("fit", BigInteger, nullable=True, comment="checkpoint whose prior EBGM has; null: none"),
    sqlite_with_rowid=False,
)

rates = Table(
    "rates",
    metadata,
    Column("product", String, primary_key=True),
    Column("event", String, primary_key=True),
    Column("n", Integer, nullable=False, comment="first events of courses"),
    Column("days", BigInteger, nullable=False, comment="person-days at risk up to them"),
    Column("courses", Integer, nullable=False, comment="that gave any"),
    Column("sessions", Integer, nullable=False, comment="assessed; 0: not counted by session"),
    Column("sessions_with", Integer, nullable=False),
    Column("rate", Float, nullable=True, comment="per patient-year"),
    Column("rate_lower", Float, nullable=True),
    Column("rate_upper", Float, nullable=True),
    Column("lock_day", Integer, nullable=False, comment="ordinal; counted up to it less the lag"),
    Column("position", BigInteger, nullable=False, comment="in changes, at which computed"),
    comment="the cohort's watched products with every event, 0 events included",
)

cohort_looks = Table(
    "cohort_looks",
    metadata,
    Column("test", String, primary_key=True, comment="background, or arms of the protocol"),
    Column("product", String, primary_key=True, comment="or arm"),
    Column("event", String, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False, comment="ordinal, of the look"),
    Column("n", Float, nullable=False, comment="first events entered by then"),
    Column("time", Float, nullable=False, comment="patient-years, or sessions"),
    Column("n_other", Float, nullable=False, comment="of the background or the other arm"),
    Column("time_other", Float, nullable=False),
    Column("log_e", Float, nullable=False),
    Column("log_e_sup", Float, nullable=False, comment="the largest so far"),
    Column("state", LargeBinary, nullable=False, comment="MessagePack: followup.looks"),
    Column("position", BigInteger, nullable=False, comment="in changes, at which it closed"),
    comment="closed looks of the cohort, never changed; none where nothing was new",
)

cohort_look_days = Table(
    "cohort_look_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False, comment="ordinal"),
    Column("position", BigInteger, nullable=False),
    Column("at", Float, nullable=False, comment="system time"),
    Column("family", Integer, nullable=False, comment="members, those without data included"),
)

cohort_tests = Table(
    "cohort_tests",
    metadata,
    Column("test", String, primary_key=True, comment="with a horizon, of the protocol"),
    Column("definition", Text, nullable=False, comment="JSON; it never changes"),
)

cohort_additions = Table(
    "cohort_additions",
    metadata,
    Column("test", String, primary_key=True),
    Column("stratum", String, primary_key=True, comment="empty: none"),
    Column("day", Integer, primary_key=True, autoincrement=False, comment="ordinal, of the look"),
    Column("n", Float, nullable=False, comment="events that the look adds"),
    Column("other", Float, nullable=False, comment="patient-years, or events in control windows"),
    Column("position", BigInteger, nullable=False, comment="in changes, at which it closed"),
    comment="what closed looks add to tests with a horizon, never changed",
)

cohort_runs = Table(
    "cohort_runs",
    metadata,
    Column("test", String, primary_key=True),
    Column("stratum", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("first_day", Integer, nullable=False, comment="ordinal, of its first look"),
    Column("last_day", Integer, nullable=False),
    Column("state", String, nullable=False, comment="running, signal, no signal or impossible"),
    Column("n", Float, nullable=False),
    Column("expected", Float, nullable=False),
    Column("horizon", Float, nullable=False),
    Column("llr", Float, nullable=False, comment="the statistic at its last look"),
    Column("critical_value", Float, nullable=True),
    Column("reason", String, nullable=False, comment="why it is impossible"),
    Column("position", BigInteger, nullable=False),
    comment="runs of maxSPRT; they follow from cohort_additions",
)

strata = Table(
    "strata",
    metadata,
    Column("product", String, primary_key=True, comment="*: all together"),
    Column("axis", String, primary_key=True, comment="route, setting, ...; empty: the product"),
    Column("stratum", String, primary_key=True, comment="empty: not known"),
    Column("event", String, primary_key=True),
    Column("n", Integer, nullable=False, comment="first events of courses"),
    Column("days", BigInteger, nullable=False, comment="person-days at risk up to them"),
    Column("courses", Integer, nullable=False, comment="that gave any"),
    Column("sessions", Integer, nullable=False, comment="assessed; 0: not counted by session"),
    Column("sessions_with", Integer, nullable=False),
    Column("sessions_to_first", Integer, nullable=False, comment="at risk of the first event"),
    Column("met", Integer, nullable=False, comment="courses with a session assessed"),
    Column("with_with", BigInteger, nullable=False, comment="sums over courses, see Clusters"),
    Column("with_all", BigInteger, nullable=False),
    Column("all_all", BigInteger, nullable=False),
    Column("lock_day", Integer, nullable=False, comment="ordinal; counted up to it less the lag"),
    Column("position", BigInteger, nullable=False, comment="in changes, at which computed"),
    Index("ix_strata_event", "event"),
    comment="the cohort's watched products by route, setting and so on, where anybody was at risk",
)

points = Table(
    "points",
    metadata,
    Column("dataset", String, primary_key=True),
    Column("product", String, primary_key=True),
    Column("event", String, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("n", Integer, nullable=False),
    Column("expected", Float, nullable=True),
    Column("prr", Float, nullable=True),
    Column("ic", Float, nullable=True),
    Column("ic025", Float, nullable=True),
    Column("ic975", Float, nullable=True),
    comment="a watched pair's score at each position at which its n changed",
    sqlite_with_rowid=False,
)

courses = Table(
    "courses",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", String, nullable=False, unique=True, comment="registry, patient, course"),
    Column("registry", String, nullable=False),
    Column("patient", String, nullable=False, comment="pseudonym"),
    Column("course", String, nullable=False),
    Column("revision", Integer, nullable=False, comment="changes published so far"),
    Column(
        "state",
        LargeBinary,
        nullable=False,
        comment="followup.course.Course; enclosed; empty: erased",
    ),
    Index("ix_courses_registry_patient", "registry", "patient"),
)

course_records = Table(
    "course_records",
    metadata,
    Column("case_id", Id, primary_key=True, autoincrement=False, comment="of a follow-up record"),
    Column("course_id", Id, nullable=False, index=True, comment="as its newest version says"),
)

findings = Table(
    "findings",
    metadata,
    Column("course_id", Id, primary_key=True, autoincrement=False),
    Column("stream", String, primary_key=True),
    Column("code", String, primary_key=True),
    Column("anchor", String, primary_key=True),
    Column("event", String, nullable=False, index=True),
    Column("day", Integer, nullable=False, comment="ordinal"),
    Column("level", String, nullable=False, comment="note, finding or urgent"),
    Column("unit", String, nullable=False, comment="course or session"),
    Column("records", Text, nullable=False, comment="JSON: ids of the records it rests on"),
    Column("explanation", Text, nullable=False),
    Column("found_at", Float, nullable=False, comment="when the record that brought it was taken"),
)

signals = Table(
    "signals",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("dataset", String, nullable=False),
    Column("product", String, nullable=False),
    Column("event", String, nullable=False),
    Column("kind", String, nullable=False, comment="screening, case_review or confirmed"),
    Column("priority", String, nullable=False, comment="high or normal, as it was raised"),
    Column("raised_position", BigInteger, nullable=False),
    Column("raised_at", Float, nullable=False, comment="system time"),
    Column("changed_at", Float, nullable=False, comment="newest evidence, system time"),
    UniqueConstraint("dataset", "product", "event", "kind"),
)

signal_rules = Table(
    "signal_rules",
    metadata,
    Column("signal_id", Id, primary_key=True, autoincrement=False),
    Column("rule", String, primary_key=True),
    Column("first_position", BigInteger, nullable=False),
    Column("first_at", Float, nullable=False, comment="system time"),
    Column("first_n", Integer, nullable=False),
    Column("data_date", String, nullable=True, comment="when it first held, by the data's dates"),
    Column("data_n", Integer, nullable=True),
    Column("holds", Boolean, nullable=False, comment="at the position it was last looked at"),
)

signal_history = Table(
    "signal_history",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("signal_id", Id, nullable=False, index=True),
    Column("position", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("what", String, nullable=False),
    Column("detail", Text, nullable=False, comment="JSON"),
)

quality = Table(
    "quality",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("stream", String, nullable=False),
    Column("sender", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("records", Integer, nullable=False),
    Column("observed", Float, nullable=True),
    Column("limit", Float, nullable=True),
    Column("passed", Boolean, nullable=False),
    Index("ix_quality_sender_at", "sender", "at"),
)

quality_batches = Table(
    "quality_batches",
    metadata,
    Column("result", String, primary_key=True, comment="passed, flagged or error"),
    Column("n", Integer, nullable=False),
)

quality_days = Table(
    "quality_days",
    metadata,
    Column("day", String, primary_key=True, comment="ISO, UTC; of the newest record of a batch"),
    Column("stream", String, primary_key=True),
    Column("sender", String, primary_key=True),
    Column("unit", String, primary_key=True, comment="what n counts: records, batches, verdicts"),
    Column("rule", String, primary_key=True, comment="that it failed; empty: all that was judged"),
    Column("n", Integer, nullable=False),
)

unmatched = Table(
    "unmatched",
    metadata,
    Column("kind", String, primary_key=True, comment="product or event"),
    Column("name", String, primary_key=True),
    Column("n", Integer, nullable=False, comment="accepted versions that name it"),
)

coding = Table(
    "coding",
    metadata,
    Column("sender", String, primary_key=True),
    Column("month", String, primary_key=True, comment="of the date that the sender states"),
    Column("what", String, primary_key=True, comment="reports, or what they name: detectors.drift"),
    Column("n", Integer, nullable=False, comment="accepted versions of reports"),
)

meters = Table(
    "meters",
    metadata,
    Column("name", String, primary_key=True),
    Column("body", Text, nullable=False, comment="JSON"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", String, nullable=False, index=True, comment="the sender it belongs to"),
    Column("role", String, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the key"),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float, nullable=True),
    Column("expires_at", Float, nullable=True, comment="null: never"),
    Column("used_at", Float, nullable=True, comment="last use, to the minute"),
)

users = Table(
    "users",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("password_hash", String, nullable=True, comment="argon2id; null: by link only"),
    Column("created_at", Float, nullable=False),
    Column("disabled_at", Float, nullable=True),
    Column("patient_level", Boolean, nullable=False, comment="may read rows of single patients"),
    Column("narratives", Boolean, nullable=False, comment="and narratives of cases"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the cookie"),
    Column("user", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False, comment="last use, to the minute"),
)

links = Table(
    "links",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the one-time token"),
    Column("user", String, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float, nullable=True),
)
