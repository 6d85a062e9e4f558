"""Where the log and the store are, and what this deployment watches."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from schemas.errors import InputError
from streams.log.base import Topic

REPORTS, FOLLOWUPS, CHANGES, SIGNALS = "reports", "followups", "changes", "signals"

# whose stored positions are whose: the agent that reads each stream, and the one of changes
CONSUMERS: dict[str, str] = {"reports": "intake", "followups": "follow_up"}
DETECT = "detect"

ENVIRONMENT = "KETAVIGIL_"

# the ends of a signal for which a second person can be asked
FOUR_EYES = ("closed", "refuted")
# the states that a signal may not be taken to without a signature, where they are named
SIGNED = ("under_validation", "validated", "prioritised", "under_assessment", "closed", "refuted")
CANARY_SECONDS = 120.0
SELF_TEST_SECONDS = 600.0
LOG_DAYS = 7.0
_NUMBERS = ("canary_seconds", "self_test_seconds", "log_days")
CANARY_METER = "canary/"  # and the stream: a row of `meters`

# files that replace (vocabulary: extend) what is shipped
FILES = ("watchlist", "vocabulary", "rules", "case_review", "listed", "family", "controls")


@dataclass(frozen=True, slots=True)
class Settings:
    """One deployment.

    `data` holds log, store and master key of an embedded one; `broker` and `store` are URLs and
    stand in its place where given. `vocabulary` is a file that extends what is shipped; those named
    by the other of `FILES` replace it. `four_eyes`: the ends of a signal (of `FOUR_EYES`) that need
    a second person. `signed`: the moves (of `SIGNED`) that are signed. `canary_seconds`: how often
    the web process sends a canary of each stream, `self_test_seconds`: how often it permutes the
    cases; 0: never. `log_days`: how long the log keeps what the store has.
    """

    data: Path | None = None
    broker: str = ""
    store: str = ""
    watchlist: Path | None = None
    vocabulary: Path | None = None
    rules: Path | None = None
    case_review: Path | None = None
    listed: Path | None = None
    family: Path | None = None
    four_eyes: frozenset[str] = frozenset()
    signed: frozenset[str] = frozenset()
    controls: Path | None = None
    canary_seconds: float = 0.0
    self_test_seconds: float = 0.0
    log_days: float = LOG_DAYS

    @classmethod
    def read(
        cls,
        data: Path | None = None,
        broker: str | None = None,
        store: str | None = None,
        **given: Path | None,
    ) -> Settings:
        """Settings from arguments, then `KETAVIGIL_*` of the environment, then defaults.

        >>> settings = Settings.read(data=Path("d"))
        >>> settings.broker, settings.store
        ('sqlite:///d/log.db', 'sqlite:///d/store.db')
        """

        def environment(name: str) -> str | None:
            return os.environ.get(ENVIRONMENT + name.upper()) or None

        if data is None and (named := environment("data")):
            data = Path(named)
        broker = broker or environment("broker")
        store = store or environment("store")
        if data is None and not (broker and store):
            data = Path("ketavigil-data")
        values: dict[str, Path | None] = {
            name: Path(named) for name in FILES if (named := environment(name))
        }
        values |= {name: value for name, value in given.items() if value is not None}
        for name in FILES:
            path = values.get(name)
            if isinstance(path, Path) and not path.exists():
                raise InputError("no_such_file", f"there is no {name} file {path}")
        four_eyes, signed = (
            frozenset(filter(None, (environment(name) or "").split(",")))
            for name in ("four_eyes", "signed")
        )
        if not four_eyes <= set(FOUR_EYES):
            raise InputError("bad_four_eyes", f"KETAVIGIL_FOUR_EYES names {', '.join(FOUR_EYES)}")
        if not signed <= set(SIGNED):
            raise InputError("bad_signed", f"KETAVIGIL_SIGNED names {', '.join(SIGNED)}")
        canary = environment("canary_seconds")
        self_test = environment("self_test_seconds")
        days = environment("log_days")
        known = {field.name for field in fields(cls)}
        return cls(
            data=data,
            broker=broker or f"sqlite:///{data}/log.db",
            store=store or f"sqlite:///{data}/store.db",
            four_eyes=four_eyes,
            signed=signed,
            canary_seconds=_number("canary_seconds", canary, CANARY_SECONDS),
            self_test_seconds=_number("self_test_seconds", self_test, SELF_TEST_SECONDS),
            log_days=_number("log_days", days, LOG_DAYS),
            **{name: value for name, value in values.items() if name in known},
        )

    def environment(self) -> dict[str, str]:
        """The variables from which another process reads the same settings."""
        named = {
            "data": self.data,
            "broker": self.broker,
            "store": self.store,
            **{name: getattr(self, name) for name in FILES},
            "four_eyes": ",".join(sorted(self.four_eyes)),
            "signed": ",".join(sorted(self.signed)),
        }
        given = {ENVIRONMENT + k.upper(): str(v) for k, v in named.items() if v}
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return given | {ENVIRONMENT + k.upper(): f"{v:g}" for k, v in numbers.items()}

    @property
    def embedded(self) -> bool:
        """Whether log and store are files of one machine."""
        return self.broker.startswith("sqlite:") and self.store.startswith("sqlite:")

    def partitions(self) -> int:
        """Of the topics `reports` and `followups`: 4 embedded, 12 on Kafka."""
        return 4 if self.broker.startswith("sqlite:") else 12

    def topics(self) -> tuple[Topic, ...]:
        """Every topic of this deployment."""
        return (
            Topic(REPORTS, self.partitions()),
            Topic(FOLLOWUPS, self.partitions()),
            Topic(CHANGES, 1),
            Topic(SIGNALS, 1, compacted=True),
        )


def _number(name: str, given: str | None, usual: float) -> float:
    try:
        seconds = usual if given is None else float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(name, f"{ENVIRONMENT}{name.upper()} is a number, not {given!r}")
    return seconds
