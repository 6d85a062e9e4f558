"""The faults: each does harm, undoes what a person or a supervisor would, and says what it hit."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from tests.faults.harness import Broken
from tests.faults.proxy import AFTER, BEFORE
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


def pause_detector(broken: Broken) -> str:
    """The worker that detects sleeps until the other has taken over."""
    name = broken.detecting()
    process = broken.cluster.processes[name]
    process.send_signal(signal.SIGSTOP)
    time.sleep(_SESSION + 2 + broken.chance.random() * 2)
    process.send_signal(signal.SIGCONT)
    return name


def rebalance(broken: Broken) -> str:
    """A third worker comes and goes while another goes and comes: partitions move four times."""
    name = broken.chance.choice(broken.workers())
    broken.cluster.start("worker-3")
    broken.cluster.ready("worker-3")
    broken.cluster.kill(name, signal.SIGTERM)
    broken.cluster.start(name)
    broken.cluster.ready(name)
    broken.cluster.kill("worker-3", signal.SIGTERM)
    return f"{name}, worker-3"


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
    """kill -9 of one broker, which is away for a while; the others go on."""
    number = broken.next_broker()
    broken.brokers[number].kill()
    time.sleep(broken.chance.random() * _NAP)
    broken.brokers[number].start()
    return f"kafka-{number + 1}"


def pause_broker(broken: Broken) -> str:
    """A broker takes connections and says nothing, until the others have let it go."""
    number = broken.next_broker()
    broken.brokers[number].signal(signal.SIGSTOP)
    time.sleep(_SESSION + _NAP * broken.chance.random())
    broken.brokers[number].signal(signal.SIGCONT)
    return f"kafka-{number + 1}"


def nap_broker(broken: Broken) -> str:
    """It comes back before they do."""
    number = broken.next_broker()
    broken.brokers[number].signal(signal.SIGSTOP)
    time.sleep(broken.chance.random() * _NAP)
    broken.brokers[number].signal(signal.SIGCONT)
    return f"kafka-{number + 1}"


def kill_two_brokers(broken: Broken) -> str:
    """kill -9 of all but one, which must not confirm a thing."""
    left = broken.next_broker()
    killed = [broker for number, broker in enumerate(broken.brokers) if number != left]
    for broker in killed:
        broker.kill()
    time.sleep(broken.chance.random() * _NAP)
    for broker in killed:
        broker.start(wait=False)
    for broker in killed:
        broker.answers()
    return f"all but kafka-{left + 1}"


def fill_broker(broken: Broken) -> str:
    """The disk of a broker is full; it ends, a person makes room and starts it."""
    number = broken.next_broker()
    broker, disk = broken.brokers[number], broken.disks[f"kafka-{number + 1}"]
    disk.fill()
    time.sleep(_NAP * (1 + broken.chance.random()))
    disk.free()
    broker.kill()
    broker.start()
    return f"kafka-{number + 1}"


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


def fill_database(broken: Broken) -> str:
    """The disk of the database is full; a person makes room, and starts it where it has ended."""
    disk = broken.disks["postgresql"]
    disk.fill()
    time.sleep(_NAP * (1 + broken.chance.random()))
    disk.free()
    process = broken.database.process
    with suppress(subprocess.TimeoutExpired):
        if process is not None:
            process.wait(0.5)
            broken.database.start()
            return "postgresql, ended"
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


def cut_before_commit(broken: Broken) -> str:
    """A connection is cut as it commits, and the database does not hear of the commit."""
    return _cut_by_proxy(broken, BEFORE)


def cut_after_commit(broken: Broken) -> str:
    """The database commits, and its answer is lost on the way."""
    return _cut_by_proxy(broken, AFTER)


def _cut_by_proxy(broken: Broken, when: str) -> str:
    proxy, before = broken.proxy, broken.proxy.cut
    proxy.cut_commits(when, 3)
    until = time.monotonic() + 5
    while proxy.cut - before < 3 and time.monotonic() < until:
        time.sleep(0.05)
    proxy.cut_commits(when, 0)
    return f"{proxy.cut - before} commits"


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
        pause_detector,
        nap_worker,
        leave,
        join,
        rebalance,
        kill_web,
        pause_web,
        kill_broker,
        pause_broker,
        nap_broker,
        kill_two_brokers,
        fill_broker,
        kill_database,
        pause_database,
        fill_database,
        restart_database,
        cut_commits,
        cut_before_commit,
        cut_after_commit,
        cut_transactions,
    )
}
