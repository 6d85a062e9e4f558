"""Metrics as text, in the format that the asking Prometheus knows."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Encode = Callable[[Collector], bytes]
_text: Callable[[float], str] = floatToGoString
_MANY = 1_000  # samples from which on the library's encoder is passed by


def exposed(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The registry as text and its content type, by the header `Accept` of who asks.

    OpenMetrics where it is asked for, since exemplars stand in it alone.
    """
    encode, kind = choose_encoder(accept)
    return encoded(registry, encode), kind


def encoded(registry: CollectorRegistry, encode: Encode) -> bytes:
    """The registry as text; large gauges past the library's encoder, which takes 80 ms for them."""
    families = list(registry.collect())
    large = [f for f in families if f.type == "gauge" and len(f.samples) >= _MANY]
    body = encode(_Given([family for family in families if family not in large]))
    lines = "".join(map(_lines, large)).encode()
    end = b"# EOF\n"  # of OpenMetrics; of a gauge both formats say the same
    return body.removesuffix(end) + lines + (end if body.endswith(end) else b"")


class _Given(Collector):
    """Families that were collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _lines(family: Metric) -> str:
    escaped: dict[str, str] = {}
    lines = [f"# HELP {family.name} {family.documentation}\n# TYPE {family.name} gauge\n"]
    for sample in family.samples:
        labels = []
        for name, value in sorted(sample.labels.items()):
            if value not in escaped:
                text = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
                escaped[value] = text
            labels.append(f'{name}="{escaped[value]}"')
        lines.append(f"{family.name}{{{','.join(labels)}}} {_text(sample.value)}\n")
    return "".join(lines)
