"""The gateway's routes: who asks, what they send, and the answer once the log has it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import msgspec
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from schemas.errors import LogError, StoreError
from schemas.record import Stream
from streams.gateway import acknowledging, bodies, openapi, taking
from streams.gateway.keys import Key, Keyring
from streams.gateway.limits import Limits, TokenBuckets
from streams.gateway.receipts import Place, Receipts, look_up
from streams.gateway.refusals import Refusal, Refusals
from streams.log import Log
from streams.sealing import Sealer
from streams.store.store import Store

logger = logging.getLogger("ketavigil.gateway")

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Endpoint = Callable[[Request], Awaitable[Response]]

_SMALL = 8 << 10  # bytes of a body that is parsed faster than it is handed to another thread
_LINGER = 2.0  # seconds in which the rest of a refused body is read and thrown away,
_LINGER_BYTES = 32 << 20  # and how much of it
_UNWELL = 10.0  # seconds after a failed append in which this gateway says that it is not ready


class Answer(Response):
    """JSON that nobody may cache."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(content, status_code, {"cache-control": "no-store"} | (headers or {}))

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


class LingeringAnswer(Answer):
    """An answer given before the body was read to its end.

    If the connection were closed at once, the sender would see a reset in place of the answer; so
    what still comes is thrown away, for two seconds and 32 MiB at the most.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*self.raw_headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})
        thrown = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while thrown < _LINGER_BYTES and (message := await receive()).get("more_body"):
                    thrown += len(message.get("body", b""))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Gateway:
    """HTTP in. It reads the store and writes the log, of the store only when keys were used.

    `registry` gets the counter of refusals. Keys, receipts and answers are as the HTTP contract
    in `openapi` says.
    """

    def __init__(
        self,
        *,
        store: Store,
        log: Log,
        sealer: Sealer,
        partitions: int,
        registry: CollectorRegistry,
        limits: Limits | None = None,
        others: Mapping[str, Callable[[], bool]] | None = None,
    ) -> None:
        """`others`: what else has to be ready for the process to be, by name."""
        self._store, self._log, self._sealer = store, log, sealer
        self._partitions = partitions
        self._limits, self._others = limits or Limits(), others or {}
        self._refusals = Refusals(registry)
        self._keyring = Keyring(store)
        self._receipts = Receipts(sealer)
        self._buckets = TokenBuckets(self._limits.rate, self._limits.burst)
        self._strangers = TokenBuckets(self._limits.page_rate, self._limits.page_burst)
        self._memory = bodies.Memory(self._limits.waiting_bytes)
        # parsing holds the interpreter, appending waits for the disk: neither may starve the other
        self._parsing = ThreadPoolExecutor(2, "gateway-parse")
        self._appending = ThreadPoolExecutor(32, "gateway-append")
        self._failed_at = -math.inf

    def routes(self) -> list[Route]:
        """The routes, each with its path as the contract has it."""
        return [
            Route("/v1/reports", self._guarded(self._pushing("reports")), methods=["POST"]),
            Route("/v1/followups", self._guarded(self._pushing("followups")), methods=["POST"]),
            Route("/v1/receipts/{receipt_id}", self._guarded(self._receipt), methods=["GET"]),
            Route("/v1/openapi.json", self._openapi, methods=["GET"]),
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readyz", self._readyz, methods=["GET"]),
        ]

    def write_uses(self) -> None:
        """Write down when keys were last used."""
        self._keyring.write_uses()

    def close(self) -> None:
        """Wait for what is in work."""
        self._parsing.shutdown()
        self._appending.shutdown()

    def _guarded(self, endpoint: _Endpoint) -> _Endpoint:
        """Turn what an endpoint raises into the answer that says so, and count it."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Refusal as error:
                refusal = error
            except StoreError as error:
                logger.error("%s: %s", error.code, error)
                refusal = (
                    Refusal("store_away", "the store is away; nothing was stored", retry_after=2)
                    if error.code == "store_away"
                    else _internal()
                )
            except Exception as error:
                # no message and no values: they may hold what was sent
                frames = traceback.extract_tb(error.__traceback__)
                places = " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(frames))
                logger.error("%s at %s", type(error).__name__, places)
                refusal = _internal()
            self._refusals.count(refusal.code)
            kind = LingeringAnswer if _body_unread(request) else Answer
            content = {"code": refusal.code, "message": str(refusal)}
            return kind(content, refusal.status, refusal.headers)

        return answer

    def _pushing(self, stream: Stream) -> _Endpoint:
        async def push(request: Request) -> Response:
            taken_at = time.time()
            key = await self._authenticate(request)
            only_validate = _validate(request)
            form, packed = bodies.form_of(request, stream), bodies.zipped(request)
            request.state.body_read = False
            body = await bodies.receive(request, self._limits, self._memory)
            request.state.body_read = True

            def work() -> tuple[bodies.Body, list[taking.Judged]]:
                parsed = bodies.parse(body, form, packed, self._limits, key.name)
                return parsed, taking.judge(
                    stream, parsed, sender=key.name, taken_at=taken_at, sealer=self._sealer
                )

            try:
                small = len(body) <= _SMALL and not packed
                parsed, judged = work() if small else await self._in(self._parsing, work)
                answer = await self._take(stream, key, judged, only_validate)
                if acknowledging.asked_for(request, parsed):
                    return await self._in(
                        self._parsing, acknowledging.answer, parsed, judged, answer, taken_at
                    )
                return answer
            finally:
                self._memory.give_back(len(body))

        return push

    async def _take(
        self, stream: Stream, key: Key, judged: list[taking.Judged], only_validate: bool
    ) -> Answer:
        def confirm() -> tuple[set[int], list[Place]]:
            duplicates = taking.stored_already(self._store, stream, judged)
            if only_validate:
                return duplicates, []
            return duplicates, taking.append(self._log, stream, self._partitions, judged)

        try:
            async with asyncio.timeout(self._limits.log_seconds):
                duplicates, places = await self._in(self._appending, confirm)
        except (LogError, TimeoutError) as error:
            self._failed_at = time.monotonic()
            logger.error("not confirmed: %s", error if isinstance(error, LogError) else "too slow")
            raise Refusal(
                "not_confirmed",
                "the log did not confirm; send the same again, repeats are harmless",
                retry_after=2,
            ) from None
        if places:
            self._failed_at = -math.inf
        receipt_id = self._receipts.give(stream, key.name, places) if places else None
        told = taking.answers(judged, duplicates)
        none = all(record["status"] == "rejected" for record in told)
        return Answer({"receipt_id": receipt_id, "records": told}, 422 if none else 202)

    async def _receipt(self, request: Request) -> Response:
        key = await self._authenticate(request)
        receipt_id = request.path_params["receipt_id"]
        stream, places = self._receipts.read(receipt_id, key.name)
        found = await self._in(self._appending, look_up, self._store, stream, places)
        return Answer({"receipt_id": receipt_id} | found)

    async def _authenticate(self, request: Request) -> Key:
        try:
            return await self._key(request)
        except Refusal as error:
            if error.status == 401:
                host = request.client.host if request.client else ""
                self._wait(self._strangers, host, self._limits.page_rate)
            raise

    async def _key(self, request: Request) -> Key:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        given = given.strip()
        if scheme.lower() != "bearer" or not given:
            raise Refusal("no_key", "give the key as Authorization: Bearer KEY; nothing was stored")
        key = self._keyring.cached(given) or await self._in(
            self._appending, self._keyring.find, given
        )
        if key is None:
            raise Refusal("unknown_key", "the key is unknown or revoked; nothing was stored")
        if key.expired(time.time()):
            raise Refusal(
                "expired_key", "the key has expired; ask for a new one; nothing was stored"
            )
        self._keyring.used(key)
        if key.role != "registry":
            raise Refusal("wrong_role", f"a key of role {key.role} may not do this")
        self._wait(self._buckets, key.name, self._limits.rate)
        return key

    @staticmethod
    def _wait(buckets: TokenBuckets, name: str, rate: float) -> None:
        if wait := buckets.wait(name):
            raise Refusal(
                "too_fast",
                f"over {rate:g} requests a second; nothing was stored",
                retry_after=max(1, math.ceil(min(wait, 3600))),
            )

    async def _openapi(self, request: Request) -> Response:
        return Answer(openapi.document(self._limits))

    async def _healthz(self, request: Request) -> Response:
        return Answer({"status": "ok"})

    async def ready(self) -> dict[str, bool]:
        """Whether the log, and the store, can be used now; False after five seconds."""

        def look() -> dict[str, bool]:
            found = {"log": time.monotonic() - self._failed_at > _UNWELL, "store": True}
            try:
                self._log.end("reports", 0)
            except LogError:
                found["log"] = False
            try:
                self._store.id()
            except StoreError:
                found["store"] = False
            return found

        try:
            async with asyncio.timeout(5):
                return await self._in(self._appending, look)
        except TimeoutError:
            return {"log": False, "store": False}

    async def _readyz(self, request: Request) -> Response:
        found = await self.ready() | {name: ready() for name, ready in self._others.items()}
        ready = all(found.values())
        return Answer({"status": "ready" if ready else "not ready"} | found, 200 if ready else 503)

    async def _in(
        self,
        pool: ThreadPoolExecutor,
        work: Callable[_P, _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: work(*args, **kwargs))


def _internal() -> Refusal:
    return Refusal("internal", "an error of the gateway; send the same again")


def _validate(request: Request) -> bool:
    """`?validate=true`; anything else is refused, since a slip of the pen would store records."""
    values = {"true": True, "1": True, "false": False, "0": False}
    parameters = request.query_params.multi_items()
    if any(name != "validate" or value not in values for name, value in parameters):
        raise Refusal(
            "unknown_parameter", "the only parameter is validate=true; nothing was stored"
        )
    return any(values[value] for _, value in parameters)


def _body_unread(request: Request) -> bool:
    """Whether a body may still be on its way that is too large to read for nothing."""
    if request.method != "POST":
        return False
    if (read := getattr(request.state, "body_read", None)) is not None:
        return not read
    declared = request.headers.get("content-length", "")
    return not (declared.isdigit() and int(declared) <= 64 << 10)
