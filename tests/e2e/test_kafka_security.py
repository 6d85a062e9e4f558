"""Kafka over TLS with a password: set-up, gateway and worker use it, and say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from schemas.errors import LogError
from streams.log import Message, Topic, open_log
from streams.log.kafka import KafkaLog
from streams.log.kafka_access import ENVIRONMENT, KafkaAccess
from tests import kafka_server
from tests.deployment import Deployment, eventually, report
from tests.kafka_security import USER, Secured, secured
from tests.kafka_server import DROPPED, Broker

pytestmark = [pytest.mark.kafka, DROPPED]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    return secured(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, made: Secured) -> Iterator[Broker]:
    try:
        with kafka_server.running(tmp_path_factory.mktemp("kafka"), made.broker) as running:
            yield running
    except kafka_server.Unavailable as lacking:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(lacking))


def test_a_report_goes_all_the_way_over_tls_with_a_password(
    tmp_path: Path, broker: Broker, made: Secured
) -> None:
    data = tmp_path / "data"
    environment = made.environment(tmp_path / "password") | {
        "KETAVIGIL_BROKER": f"kafka://{broker.address}",
        "KETAVIGIL_STORE": f"sqlite:///{data}/store.db",
    }
    with Deployment(data, **environment) as deployment:
        deployment.patience = 120
        deployment.up()
        key = deployment.key("clinic")
        answer = deployment.push(key, [report("clinic", "S-1"), report("clinic", "S-2")])
        assert answer.status_code == 202, answer.text
        receipt = answer.json()["receipt_id"]

        def counted() -> bool:
            records = deployment.receipt(key, receipt)["records"]
            return [one.get("disposition") for one in records] == ["counted", "counted"]

        eventually(counted, "both to be counted")
        assert [check for check in deployment.verify()["checks"] if not check["holds"]] == []
    with KafkaAdminClient(bootstrap_servers=broker.address, **made.broker.client) as admin:
        assert {"reports", "followups", "changes", "signals"} <= set(admin.list_topics())


def test_a_wrong_password_is_told_in_plain_words_and_ends_the_worker(
    tmp_path: Path, broker: Broker, made: Secured
) -> None:
    environment = made.environment(tmp_path / "password") | {
        "KETAVIGIL_BROKER": f"kafka://{broker.address}",
        "KETAVIGIL_STORE": f"sqlite:///{tmp_path}/store.db",
    }
    (tmp_path / "password").write_text("not this one")
    deployment = Deployment(tmp_path / "data", **environment)
    said = deployment.run("worker", status=2).stderr
    url = f"kafka://{broker.address}"
    assert f"{url} refuses the user {USER}: user or password is wrong" in said.splitlines()[-1]
    assert "log_refused" in said.splitlines()[-1]
    assert "not this one" not in said


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    broker: Broker, made: Secured, tmp_path: Path
) -> None:
    other = secured(tmp_path)
    access = KafkaAccess("SASL_SSL", other.ca, user=USER, password=made.password)
    with pytest.raises(LogError) as told:
        KafkaLog(f"kafka://{broker.address}", access)
    assert told.value.code == "log_untrusted"
    assert "KETAVIGIL_KAFKA_CA names its authority" in str(told.value)


def test_the_environment_says_how_a_log_is_opened(
    broker: Broker, made: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in made.environment(tmp_path / "password").items():
        monkeypatch.setenv(name, value)
    log = open_log(f"kafka://{broker.address}")
    log.ensure_topics([Topic("opened", 1)])
    assert log.append([Message("opened", 0, b"k", b"v")]) == [0]
    assert [message.value for message in log.read("opened", 0, 0, 1)] == [b"v"]
    log.close()
    assert ENVIRONMENT == "KETAVIGIL_KAFKA_"
