"""The log: topics of reports, follow-up records, changes and signals, behind a URL."""

from __future__ import annotations

from schemas.errors import InputError
from streams.log.base import Log, Message, Stored, Topic, partition_of

__all__ = ["Log", "Message", "Stored", "Topic", "open_log", "partition_of"]


def open_log(url: str) -> Log:
    """The log at a URL: `sqlite:///path/log.db` or `kafka://host:9092`.

    Raises `InputError` ("unknown_log") for any other URL, and `LogError` where it cannot be used.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from streams.log.sqlite import SqliteLog

        return SqliteLog(url)
    if scheme == "kafka":
        from streams.log.kafka import KafkaLog

        return KafkaLog(url)
    raise InputError("unknown_log", f"a log's URL is sqlite:///path or kafka://host, not {url}")
