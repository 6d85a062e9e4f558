"""Real Apache Kafka brokers for tests: KRaft, on loopback, from the published jars."""

from __future__ import annotations

import base64
import gc
import os
import shutil
import socket
import subprocess
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

VERSION = "4.1.0"
TOPICS = ("reports", "followups", "changes", "signals")
# kafka-python 3.0.12 drops a socket unclosed where a client is closed while it connects
DROPPED = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
_FETCHING, _STARTING, _STOPPING = 600.0, 120.0, 30.0  # seconds
_JAVA = ("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ketavigil.tests</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
    <version>{VERSION}</version>
  </dependency></dependencies>
</project>
"""
_SETTINGS = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners={protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={protocol}://127.0.0.1:{port}
listener.security.protocol.map={protocol}:{protocol},CONTROLLER:PLAINTEXT
inter.broker.listener.name={protocol}
log.dirs={folder}/data
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=1
offsets.topic.replication.factor={copies}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=6000
log.cleaner.backoff.ms=200
log.initial.task.delay.ms=200
"""


class Unavailable(Exception):
    """This machine lacks what the broker needs; the message says what."""


@dataclass(frozen=True, slots=True)
class Security:
    """How clients speak to a broker: its settings, its first users, and what a client is given."""

    protocol: str
    settings: str
    storage: Sequence[str]
    client: Mapping[str, Any]


class Broker:
    """One broker, which can be killed, paused and started again; its data stay."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: Sequence[tuple[int, int]] = (),
        node: int = 1,
        cluster: str = "",
        security: Security | None = None,
    ) -> None:
        """`nodes`: the ports (of clients, of controllers) of every broker of its cluster."""
        nodes = nodes or ((_free_port(), _free_port()),)
        self._folder, (self._port, controller) = folder, nodes[node - 1]
        self._security = security
        self._settings = folder / "server.properties"
        voters = (f"{n}@127.0.0.1:{one}" for n, (_, one) in enumerate(nodes, 1))
        settings = _SETTINGS.format(
            node=node,
            voters=",".join(voters),
            protocol=security.protocol if security else "PLAINTEXT",
            port=self._port,
            controller=controller,
            folder=folder,
            copies=min(len(nodes), 3),
            in_sync=min(len(nodes), 2),
        )
        self._settings.write_text(settings + (security.settings if security else ""))
        self._java = (*_JAVA, "-cp", f"{_jars()}/*")
        self.process: subprocess.Popen[bytes] | None = None
        storage = ("kafka.tools.StorageTool", "format", "-t", cluster or _cluster_id())
        users = security.storage if security else ()
        with (folder / "broker.out").open("w") as out:
            subprocess.run(
                (*self._java, *storage, "-c", str(self._settings), *users),
                stdout=out,
                stderr=out,
                check=True,
                timeout=_STARTING,
            )

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._port}"

    def start(self, *, wait: bool = True) -> None:
        """Start, and wait until it answers."""
        with (self._folder / "broker.out").open("a") as out:
            self.process = subprocess.Popen(
                (*self._java, "kafka.Kafka", str(self._settings)), stdout=out, stderr=out
            )
        if wait:
            self.answers()

    def answers(self) -> None:
        """Wait until it answers."""
        assert self.process is not None
        known = self._security.client if self._security else {}
        _wait(self.process, self._port, self._folder, known)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a machine does that fails."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(_STOPPING)

    def stop(self) -> None:
        """End it in order."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOPPING)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def running(folder: Path, security: Security | None = None) -> Iterator[Broker]:
    """A broker whose data and output are in `folder`, stopped at the end."""
    broker = Broker(folder, security=security)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@contextmanager
def cluster(folders: Sequence[Path]) -> Iterator[list[Broker]]:
    """Brokers that are one cluster, each with its data in a folder, stopped at the end.

    Three copies of each topic, of which two must be in sync, where there are three brokers.
    """
    nodes = [(_free_port(), _free_port()) for _ in folders]
    name = _cluster_id()
    with ThreadPoolExecutor(len(folders)) as formatting:
        made = [
            formatting.submit(Broker, folder, nodes=nodes, node=node, cluster=name)
            for node, folder in enumerate(folders, 1)
        ]
        brokers = [one.result() for one in made]
    try:
        for broker in brokers:
            broker.start(wait=False)
        for broker in brokers:
            broker.answers()
        yield brokers
    finally:
        for broker in brokers:
            if broker.process is not None:
                broker.process.kill()
        for broker in brokers:
            broker.stop()


def collect_dropped() -> None:
    """Let go of sockets that kafka-python dropped, before their warning hits another test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def forget_topics(address: str, names: Iterable[str] = TOPICS) -> None:
    """Delete the topics of a deployment, and wait until they are gone."""
    from kafka import KafkaAdminClient

    with KafkaAdminClient(bootstrap_servers=address) as admin:
        held = sorted(set(names) & set(admin.list_topics()))
        if held:
            admin.delete_topics(held)
        deadline = time.monotonic() + _STARTING
        while set(names) & set(admin.list_topics()):
            assert time.monotonic() < deadline, "topics that were deleted are still there"
            time.sleep(0.05)


def _cluster_id() -> str:
    return "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:21]


def _jars() -> Path:
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed, so there is no Kafka broker to test with")
    default = Path(__file__).parents[1] / ".cache"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or default) / "kafka" / VERSION
    done = cache / "complete"
    if not done.exists():
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "pom.xml").write_text(_POM)
        fetched = subprocess.run(
            ("mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={cache}/jars"),
            cwd=cache,
            capture_output=True,
            text=True,
            check=False,
            timeout=_FETCHING,
        )
        if fetched.returncode:
            raise Unavailable(f"Maven cannot fetch Kafka {VERSION}: {fetched.stdout[-500:]}")
        done.touch()
    return cache / "jars"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(
    broker: subprocess.Popen[bytes], port: int, folder: Path, known: Mapping[str, Any]
) -> None:
    from kafka import KafkaAdminClient

    deadline = time.monotonic() + _STARTING
    while time.monotonic() < deadline and broker.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            patience = int(_STARTING * 1000)
            with KafkaAdminClient(
                bootstrap_servers=f"127.0.0.1:{port}", bootstrap_timeout_ms=patience, **known
            ) as admin:
                admin.list_topics()
            return
        time.sleep(0.1)
    raise RuntimeError(f"no Kafka broker on {port}: {(folder / 'broker.out').read_text()[-2000:]}")
