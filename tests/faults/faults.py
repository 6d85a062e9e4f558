"""The faults: each does harm, undoes what a person or a supervisor would, and says what it hit."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from tests.faults.harness import Broken
from tests.postgres_server import dsn

_SESSION = 6.0  # seconds that the group waits for a worker that says nothing
_NAP = 3.0  # seconds that something is away


def kill_worker(broken: Broken) -> str:
    """kill -9, and a supervisor starts it again."""
    name = broken.chance.choice(broken.workers())
    broken.cluster.kill(name)
    broken.cluster.start(name)
    return name


def kill_detector(broken: Broken) -> str:
    """kill -9 of the worker that detects; the other takes over before it is back."""
    name = broken.detecting()
    broken.cluster.kill(name)
    time.sleep(_SESSION + broken.chance.random())
    broken.cluster.start(name)
    return name


def pause_worker(broken: Broken) -> str:
    """It sleeps until its partitions are another's, and wakes up believing they are its own."""
    name = broken.chance.choice(broken.workers())
    process = broken.cluster.processes[name]
    process.send_signal(signal.SIGSTOP)
    time.sleep(_SESSION + 2 + broken.chance.random() * 2)
    process.send_signal(signal.SIGCONT)
    return name


def nap_worker(broken: Broken) -> str:
    """It sleeps for less than that."""
    name = broken.chance.choice(broken.workers())
    process = broken.cluster.processes[name]
    process.send_signal(signal.SIGSTOP)
    time.sleep(broken.chance.random() * _NAP)
    process.send_signal(signal.SIGCONT)
    return name


def leave(broken: Broken) -> str:
    """A rolling restart: a worker ends in order, and comes again."""
    name = broken.chance.choice(broken.workers())
    broken.cluster.kill(name, signal.SIGTERM)
    time.sleep(broken.chance.random())
    broken.cluster.start(name)
    return name


def join(broken: Broken) -> str:
    """A third worker comes, and goes."""
    broken.cluster.start("worker-3")
    broken.cluster.ready("worker-3")
    time.sleep(broken.chance.random() * _NAP)
    broken.cluster.kill("worker-3", broken.chance.choice([signal.SIGTERM, signal.SIGKILL]))
    return "worker-3"


def kill_web(broken: Broken) -> str:
    """kill -9 of the gateway, with requests on their way."""
    broken.cluster.kill("web")
    broken.cluster.start("web")
    return "web"


def pause_web(broken: Broken) -> str:
    """The gateway sleeps; its clients wait, or send again."""
    process = broken.cluster.processes["web"]
    process.send_signal(signal.SIGSTOP)
    time.sleep(broken.chance.random() * _NAP)
    process.send_signal(signal.SIGCONT)
    return "web"


def kill_broker(broken: Broken) -> str:
    """kill -9 of the broker, which is away for a while."""
    broken.broker.kill()
    time.sleep(broken.chance.random() * _NAP)
    broken.broker.start()
    return "kafka"


def pause_broker(broken: Broken) -> str:
    """The broker takes connections and says nothing."""
    broken.broker.signal(signal.SIGSTOP)
    time.sleep(_NAP * (1 + broken.chance.random()))
    broken.broker.signal(signal.SIGCONT)
    return "kafka"


def kill_database(broken: Broken) -> str:
    """kill -9 of every process of the database; it recovers from its log."""
    broken.database.kill()
    time.sleep(broken.chance.random() * _NAP)
    broken.database.start()
    return "postgresql"


def pause_database(broken: Broken) -> str:
    """Transactions hang half-way."""
    broken.database.signal(signal.SIGSTOP)
    time.sleep(_NAP * (1 + broken.chance.random()))
    broken.database.signal(signal.SIGCONT)
    return "postgresql"


def restart_database(broken: Broken) -> str:
    """It ends in order, which rolls back what is open, and comes again."""
    broken.database.stop()
    broken.database.start()
    return "postgresql"


def cut_commits(broken: Broken) -> str:
    """Connections are cut while they commit, so that their owners cannot know what came of it."""
    cut = _cut(
        broken,
        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active'"
        " AND query IN ('COMMIT', 'commit')",
    )
    return f"{cut} commits"


def cut_transactions(broken: Broken) -> str:
    """Connections are cut in the middle of a transaction that writes."""
    cut = _cut(
        broken,
        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND backend_xid IS NOT NULL",
    )
    return f"{cut} transactions"


def _cut(broken: Broken, victims: str) -> int:
    """End up to five connections of those that a query finds, within some seconds."""
    cut = 0
    until = time.monotonic() + 5
    with psycopg.connect(dsn(broken.database.url), autocommit=True) as connection:
        end = f"SELECT count(pg_terminate_backend(pid)) FROM ({victims} LIMIT 1) AS found"
        while cut < 5 and time.monotonic() < until:
            with suppress(psycopg.OperationalError):
                row = connection.execute(end.encode()).fetchone()
                found = row[0] if row else 0
                cut += found
                if found:
                    time.sleep(broken.chance.random() * 0.5)
    return cut


FAULTS: dict[str, Callable[[Broken], str]] = {
    work.__name__: work
    for work in (
        kill_worker,
        kill_detector,
        pause_worker,
        nap_worker,
        leave,
        join,
        kill_web,
        pause_web,
        kill_broker,
        pause_broker,
        kill_database,
        pause_database,
        restart_database,
        cut_commits,
        cut_transactions,
    )
}
