"""Requests that are refused whole: nothing of them is stored, and the answer says so."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from schemas.errors import RequestRefused

STATUS = {
    "empty_body": 400,
    "unknown_parameter": 400,
    "broken_off": 400,
    "no_key": 401,
    "unknown_key": 401,
    "expired_key": 401,
    "wrong_role": 403,
    "no_such_receipt": 404,
    "no_such_route": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "body_too_large": 413,
    "too_many_records": 413,
    "unsupported_type": 415,
    "unsupported_charset": 415,
    "unsupported_encoding": 415,
    "too_fast": 429,
    "internal": 500,
    "busy": 503,
    "not_confirmed": 503,
    "store_away": 503,
}


class Refusal(RequestRefused):
    """A refusal by its code; `retry_after` (seconds) where the same may pass later."""

    def __init__(self, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(code, message)
        self.status = STATUS[code]
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to it."""
        headers = {"cache-control": "no-store"}
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return headers


class Refusals:
    """Counts refused requests by reason, in a registry that is passed in.

    >>> registry = CollectorRegistry()
    >>> Refusals(registry).count("too_fast")
    >>> registry.get_sample_value("ketavigil_refusals_total", {"reason": "too_fast"})
    1.0
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counter = Counter(
            "ketavigil_refusals_total",
            "Requests refused whole, of which nothing was stored.",
            ["reason"],
            registry=registry,
        )

    def count(self, reason: str) -> None:
        """One more request was refused for this reason."""
        self._counter.labels(reason).inc()
