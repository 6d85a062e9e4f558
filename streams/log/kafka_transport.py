"""Faust's own transport for Kafka, made to start at the offsets of the app's store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.transport.drivers import aiokafka

from streams.log.offsets import StoredOffsets


class Consumer(StoredOffsets, aiokafka.Consumer):
    """Starts at the offsets of the app's store where it has any."""


class Producer(aiokafka.Producer):
    """Retries cannot double a message."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(aiokafka.Transport):
    """What the app uses for `kafka://`."""

    Consumer = Consumer
    Producer = Producer
