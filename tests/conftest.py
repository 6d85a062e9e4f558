"""What several packages of tests share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from streams.store.store import Store, open_store
from tests import kafka_server, postgres_server

LONG = ("e2e", "faults", "fuzz", "soak")  # folders whose files take minutes, with servers


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come evenly among the others, so that two processes do not end with them alone."""
    files = {item.path: None for item in items}
    folders = [Path(__file__).parent / name for name in LONG]
    long = [path for path in files if any(folder in path.parents for folder in folders)]
    rest = [path for path in files if path not in long]
    places = {path: (n + 0.5) / len(rest) for n, path in enumerate(rest)}
    places |= {path: n / len(long) for n, path in enumerate(long)}
    items.sort(key=lambda item: places[item.path])


@pytest.fixture(autouse=True)
def _dropped_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """kafka-python 3.0.12 drops a socket unclosed where a client is closed while it connects.

    The warning would come at the next collection, in whatever test is running then.
    """
    yield
    if request.node.get_closest_marker("kafka") is not None:
        kafka_server.collect_dropped()


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a Kafka broker: `KETAVIGIL_TEST_KAFKA`, or one that is started here."""
    given = os.environ.get("KETAVIGIL_TEST_KAFKA")
    if given:
        yield given
        return
    try:
        with kafka_server.running(tmp_path_factory.mktemp("kafka")) as broker:
            yield broker.address
    except kafka_server.Unavailable as lacking:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(lacking))


@pytest.fixture
def kafka(kafka_broker: str) -> Iterator[str]:
    """URL of a log that has no topics yet: those of a deployment have the same names in each."""
    kafka_server.forget_topics(kafka_broker)
    yield f"kafka://{kafka_broker}"
    kafka_server.forget_topics(kafka_broker)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a PostgreSQL with a migrated template: `KETAVIGIL_TEST_POSTGRES`, or one started here.

    The first ends in a database that the user may connect to, and may make others beside.
    """
    with ExitStack() as stack:
        url = os.environ.get("KETAVIGIL_TEST_POSTGRES", "")
        if not url:
            try:
                url = stack.enter_context(postgres_server.running()).url
            except postgres_server.Unavailable as lacking:
                if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
                    raise
                pytest.skip(str(lacking))
        template = stack.enter_context(postgres_server.database(url))
        store = open_store(template)
        with store.write() as connection:
            connection.exec_driver_sql("DELETE FROM meta")  # each store is given an id of its own
        store.close()
        yield f"{url}#{template.rpartition('/')[2]}"


@pytest.fixture
def postgresql(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty store on PostgreSQL, of this test alone."""
    with _database_of(postgresql_server) as url:
        yield url


ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
NewStore = Callable[[], AbstractContextManager[Store]]


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Every test that asks for it runs once on each engine, on a store of its own."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql")
        return url
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(scope="session", params=ENGINES)
def new_store(request: pytest.FixtureRequest) -> NewStore:
    """The same for a test that needs many of them, one after another."""
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else ""

    @contextmanager
    def made() -> Iterator[Store]:
        with ExitStack() as stack:
            if server:
                url = stack.enter_context(_database_of(server))
            else:
                url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/store.db"
            store = open_store(url)
            stack.callback(store.close)
            yield store

    return made


def _database_of(server: str) -> AbstractContextManager[str]:
    url, _, template = server.partition("#")
    return postgres_server.database(url, template)
