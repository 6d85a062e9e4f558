"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite gives row ids only to INTEGER, PostgreSQL needs more than 32 bits for them
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "cases",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("report_id", sa.String(), nullable=False),
        sa.Column("newest", ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("key", name=op.f("uq_cases_key")),
    )
    op.create_table(
        "changes",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("applied_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("position", "place", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_applied_at"), "changes", ["applied_at"], unique=False)
    op.create_index(op.f("ix_changes_case_id"), "changes", ["case_id"], unique=False)
    op.create_table(
        "linked_cases",
        sa.Column("case_id", ID, autoincrement=False, nullable=False),
        sa.Column("counted_by", ID, nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_linked_cases")),
    )
    op.create_table(
        "checkpoints",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("fits", sa.Text(), nullable=False),
        sa.Column("configuration", sa.String(), nullable=False),
        sa.Column("code_version", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "courses",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("registry", sa.String(), nullable=False),
        sa.Column("patient", sa.String(), nullable=False),
        sa.Column("course", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courses")),
        sa.UniqueConstraint("key", name=op.f("uq_courses_key")),
    )
    op.create_index("ix_courses_registry_patient", "courses", ["registry", "patient"])
    op.create_table(
        "course_records",
        sa.Column("case_id", ID, autoincrement=False, nullable=False),
        sa.Column("course_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_course_records")),
    )
    op.create_index(op.f("ix_course_records_course_id"), "course_records", ["course_id"])
    op.create_table(
        "findings",
        sa.Column("course_id", ID, autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("anchor", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("records", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("found_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("course_id", "stream", "code", "anchor", name=op.f("pk_findings")),
    )
    op.create_index(op.f("ix_findings_event"), "findings", ["event"])
    op.create_table(
        "rates",
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("courses", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("sessions_with", sa.Integer(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=True),
        sa.Column("rate_lower", sa.Float(), nullable=True),
        sa.Column("rate_upper", sa.Float(), nullable=True),
        sa.Column("lock_day", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("product", "event", name=op.f("pk_rates")),
    )
    op.create_table(
        "cohort_looks",
        sa.Column("test", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Float(), nullable=False),
        sa.Column("time", sa.Float(), nullable=False),
        sa.Column("n_other", sa.Float(), nullable=False),
        sa.Column("time_other", sa.Float(), nullable=False),
        sa.Column("log_e", sa.Float(), nullable=False),
        sa.Column("log_e_sup", sa.Float(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("test", "product", "event", "day", name=op.f("pk_cohort_looks")),
    )
    op.create_table(
        "cohort_look_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("family", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_cohort_look_days")),
    )
    op.create_table(
        "cohort_tests",
        sa.Column("test", sa.String(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("test", name=op.f("pk_cohort_tests")),
    )
    op.create_table(
        "cohort_additions",
        sa.Column("test", sa.String(), nullable=False),
        sa.Column("stratum", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Float(), nullable=False),
        sa.Column("other", sa.Float(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("test", "stratum", "day", name=op.f("pk_cohort_additions")),
    )
    op.create_table(
        "cohort_runs",
        sa.Column("test", sa.String(), nullable=False),
        sa.Column("stratum", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_day", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("n", sa.Float(), nullable=False),
        sa.Column("expected", sa.Float(), nullable=False),
        sa.Column("horizon", sa.Float(), nullable=False),
        sa.Column("llr", sa.Float(), nullable=False),
        sa.Column("critical_value", sa.Float(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("test", "stratum", "number", name=op.f("pk_cohort_runs")),
    )
    op.create_table(
        "strata",
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("axis", sa.String(), nullable=False),
        sa.Column("stratum", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("courses", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("sessions_with", sa.Integer(), nullable=False),
        sa.Column("sessions_to_first", sa.Integer(), nullable=False),
        sa.Column("met", sa.Integer(), nullable=False),
        sa.Column("with_with", sa.BigInteger(), nullable=False),
        sa.Column("with_all", sa.BigInteger(), nullable=False),
        sa.Column("all_all", sa.BigInteger(), nullable=False),
        sa.Column("lock_day", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("product", "axis", "stratum", "event", name=op.f("pk_strata")),
    )
    op.create_index("ix_strata_event", "strata", ["event"])
    op.create_table(
        "duplicates",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("version_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicates")),
    )
    op.create_table(
        "confirmations",
        sa.Column("signal_id", ID, autoincrement=False, nullable=False),
        sa.Column("family", ID, nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("log_e", sa.Float(), nullable=False),
        sa.Column("asked", sa.Float(), nullable=False),
        sa.Column("among", sa.Integer(), nullable=False),
        sa.Column("corrected_log_e", sa.Float(), nullable=True),
        sa.Column("corrected_n", sa.Integer(), nullable=True),
        sa.Column("corrected_position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("pk_confirmations")),
    )
    op.create_table(
        "evidence",
        sa.Column("family", ID, autoincrement=False, nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("log_e", sa.Float(), nullable=False),
        sa.Column("log_e_sup", sa.Float(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("n_product", sa.Integer(), nullable=False),
        sa.Column("n_comparator", sa.Integer(), nullable=False),
        sa.Column("n_comparators", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("family", "product", "event", "day", name=op.f("pk_evidence")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "families",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("products", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("alpha", sa.Float(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=False),
        sa.Column("opened", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("opened_position", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("ended_position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_families")),
    )
    op.create_table(
        "keys",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("used_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_keys_hash")),
    )
    op.create_index(op.f("ix_keys_name"), "keys", ["name"], unique=False)
    op.create_table(
        "links",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("used_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_links")),
    )
    op.create_table(
        "look_counts",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "day", "product", "event", name=op.f("pk_look_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "looks",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("imported_at", sa.Float(), nullable=True),
        sa.Column("closed_position", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", "day", name=op.f("pk_looks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "meters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meters")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "points",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Float(), nullable=True),
        sa.Column("prr", sa.Float(), nullable=True),
        sa.Column("ic", sa.Float(), nullable=True),
        sa.Column("ic025", sa.Float(), nullable=True),
        sa.Column("ic975", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", "product", "event", "position", name=op.f("pk_points")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "positions",
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("log_id", sa.String(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "topic", "partition", name=op.f("pk_positions")),
    )
    op.create_table(
        "quality",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("observed", sa.Float(), nullable=True),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quality")),
    )
    op.create_index("ix_quality_sender_at", "quality", ["sender", "at"], unique=False)
    op.create_table(
        "quality_batches",
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("result", name=op.f("pk_quality_batches")),
    )
    op.create_table(
        "quality_days",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "stream", "sender", "unit", "rule", name=op.f("pk_quality_days")
        ),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("report_id", sa.String(), nullable=True),
        sa.Column("faults", sa.LargeBinary(), nullable=False),
        sa.Column("held_at", sa.Float(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_code"), "quarantine", ["code"], unique=False)
    op.create_table(
        "records",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("request_index", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column(
            "taken_at",
            sa.Float(),
            nullable=False,
        ),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_hash", sa.LargeBinary(), nullable=False),
        sa.Column("erased_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint(
            "stream", "partition", "offset", "place", name=op.f("uq_records_stream")
        ),
    )
    op.create_index("ix_records_sender_taken", "records", ["sender", "taken_at"], unique=False)
    op.create_table(
        "scores",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("n_product", sa.Integer(), nullable=False),
        sa.Column("n_event", sa.Integer(), nullable=False),
        sa.Column("n_total", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Float(), nullable=True),
        sa.Column("prr", sa.Float(), nullable=True),
        sa.Column("prr_lower", sa.Float(), nullable=True),
        sa.Column("prr_upper", sa.Float(), nullable=True),
        sa.Column("ror", sa.Float(), nullable=True),
        sa.Column("ror_lower", sa.Float(), nullable=True),
        sa.Column("ror_upper", sa.Float(), nullable=True),
        sa.Column("rrr", sa.Float(), nullable=True),
        sa.Column("chi2", sa.Float(), nullable=True),
        sa.Column("chi2_yates", sa.Float(), nullable=True),
        sa.Column("fisher_p", sa.Float(), nullable=True),
        sa.Column("fisher_mid_p", sa.Float(), nullable=True),
        sa.Column("ic", sa.Float(), nullable=True),
        sa.Column("ic025", sa.Float(), nullable=True),
        sa.Column("ic975", sa.Float(), nullable=True),
        sa.Column("ebgm", sa.Float(), nullable=True),
        sa.Column("eb05", sa.Float(), nullable=True),
        sa.Column("eb95", sa.Float(), nullable=True),
        sa.Column("watched", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("fit", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", "product", "event", name=op.f("pk_scores")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_scores_watched"), "scores", ["watched"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
    op.create_table(
        "signal_history",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("signal_id", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_history")),
    )
    op.create_index(
        op.f("ix_signal_history_signal_id"), "signal_history", ["signal_id"], unique=False
    )
    op.create_table(
        "signal_rules",
        sa.Column("signal_id", ID, autoincrement=False, nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("first_n", sa.Integer(), nullable=False),
        sa.Column(
            "data_date",
            sa.String(),
            nullable=True,
        ),
        sa.Column("data_n", sa.Integer(), nullable=True),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("signal_id", "rule", name=op.f("pk_signal_rules")),
    )
    op.create_table(
        "signals",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("raised_position", sa.BigInteger(), nullable=False),
        sa.Column("raised_at", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
        sa.UniqueConstraint("dataset", "product", "event", "kind", name=op.f("uq_signals_dataset")),
    )
    op.create_table(
        "unmatched",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_unmatched")),
    )
    op.create_table(
        "coding",
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "month", "what", name=op.f("pk_coding")),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("disabled_at", sa.Float(), nullable=True),
        sa.Column("patient_level", sa.Boolean(), nullable=False),
        sa.Column("narratives", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_table(
        "versions",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("information_date", sa.String(), nullable=False),
        sa.Column("sort_key", sa.String(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version_conflict", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("coded", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_versions")),
    )
    op.create_index(op.f("ix_versions_case_id"), "versions", ["case_id"], unique=False)
    op.create_table(
        "trail",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_trail")),
    )
    op.create_index(op.f("ix_trail_what"), "trail", ["what"], unique=False)
    op.create_index(op.f("ix_trail_subject"), "trail", ["subject"], unique=False)
    _keep_trail()
    op.create_table(
        "workflow",
        sa.Column("signal_id", ID, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("due", sa.String(), nullable=True),
        sa.Column("causality", sa.String(), nullable=True),
        sa.Column("rucam", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("proposed", sa.String(), nullable=True),
        sa.Column("proposed_by", sa.String(), nullable=True),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("pk_workflow")),
    )
    op.create_table(
        "acts",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("signal_id", ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=False),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts")),
    )
    op.create_index(op.f("ix_acts_signal_id"), "acts", ["signal_id"], unique=False)
    op.create_table(
        "seen",
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("signal_id", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("history", ID, nullable=False),
        sa.Column("act", ID, nullable=False),
        sa.PrimaryKeyConstraint("user", "signal_id", name=op.f("pk_seen")),
    )
    op.create_table(
        "attempts",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_attempts")),
    )
    op.create_table(
        "trail_heads",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_trail_heads")),
    )
    op.create_table(
        "subjects",
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("linked_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_subjects")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_subjects_issuer")),
    )
    op.create_table(
        "round_trips",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("next", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_round_trips")),
    )
    op.create_table(
        "erasures",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("bodies", sa.Integer(), nullable=False),
        sa.Column("courses", sa.Integer(), nullable=False),
        sa.Column("log_ends", sa.Text(), nullable=False),
        sa.Column("done_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_table(
        "erased_names",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("erasure", ID, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_erased_names")),
    )
    if op.get_bind().dialect.name == "postgresql":
        for name in ("records", "cases", "courses"):
            op.execute(f"CREATE SEQUENCE {name}_ids")


def _keep_trail() -> None:
    """What is in the audit trail stays as it is."""
    message = "the audit trail is append-only"
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER trail_{what.lower()} BEFORE {what} ON trail "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION trail_keep() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{message}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER trail_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON trail "
        "FOR EACH STATEMENT EXECUTE FUNCTION trail_keep()"
    )


def downgrade() -> None:
    """There is nothing before the first schema."""
    raise NotImplementedError("a store is never taken back behind its first schema")
