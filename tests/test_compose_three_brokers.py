"""docker-compose.three-brokers.yml, laid over the other: a cluster that bears a broker's loss."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.test_compose import COMPOSE, EXPECTED, ROOT, SERVICES

OVER: dict[str, Any] = yaml.safe_load(
    (ROOT / "docker-compose.three-brokers.yml").read_text(encoding="utf-8")
)
BROKERS = ("kafka", "kafka-2", "kafka-3")


def merged(below: Any, above: Any) -> Any:
    """As Compose lays one file over another: maps key by key, lists one after another."""
    if isinstance(below, dict) and isinstance(above, dict):
        both = below | above
        return {key: merged(below[key], above[key]) if key in below and key in above else value
                for key, value in both.items()}  # fmt: skip
    if isinstance(below, list) and isinstance(above, list) and below != above:
        return [*below, *(one for one in above if one not in below)]
    return above


ALL: dict[str, dict[str, Any]] = merged(SERVICES, OVER["services"])


def test_two_brokers_more_and_nothing_else() -> None:
    assert set(ALL) == EXPECTED | {"kafka-2", "kafka-3"}


def test_each_broker_is_as_guarded_as_the_one_was() -> None:
    for name in BROKERS:
        service = ALL[name]
        assert service["image"] == SERVICES["kafka"]["image"]
        assert service["healthcheck"]["test"] == SERVICES["kafka"]["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
        assert service["networks"] == ["inside"]
        assert "ports" not in service


def test_the_brokers_are_one_cluster_each_with_its_own_number_name_and_data() -> None:
    environments = {name: ALL[name]["environment"] for name in BROKERS}
    numbers = {int(one["KAFKA_NODE_ID"]): name for name, one in environments.items()}
    voters = ",".join(f"{number}@{numbers[number]}:9093" for number in sorted(numbers))
    volumes = [volume for name in BROKERS for volume in ALL[name]["volumes"]]
    assert len(numbers) == len(set(volumes)) == 3
    for name, one in environments.items():
        assert one["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voters
        assert one["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"
        assert one["KAFKA_DEFAULT_REPLICATION_FACTOR"] == "3"
        assert one["KAFKA_MIN_INSYNC_REPLICAS"] == "2"
        assert one["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == "3"
        assert one["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert {volume.split(":")[0] for volume in volumes} <= {*COMPOSE["volumes"], *OVER["volumes"]}


def test_web_and_workers_know_all_brokers_and_ask_for_three_copies() -> None:
    for name in ("web", "worker"):
        environment = ALL[name]["environment"]
        hosts = re.findall(r"([\w-]+):9092", environment["KETAVIGIL_BROKER"])
        assert tuple(hosts) == BROKERS
        assert environment["KETAVIGIL_KAFKA_COPIES"] == "3"
        assert environment["KETAVIGIL_STORE"] == SERVICES[name]["environment"]["KETAVIGIL_STORE"]
        assert set(ALL[name]["depends_on"]) == {*BROKERS, "postgres"}
