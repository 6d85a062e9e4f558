"""A simulated clinic is patient with the gateway, and says so where its key is refused."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import httpx
import pytest

from schemas.errors import InputError
from streams.simulate import push
from streams.simulate.push import Pusher

ACCEPTED = {"receipt_id": "r", "records": [{"index": 0, "id": "1", "status": "accepted"}]}


def _push(
    monkeypatch: pytest.MonkeyPatch,
    answers: list[httpx.Response | httpx.TransportError],
    records: list[bytes],
) -> tuple[list[httpx.Request], Counter[str]]:
    monkeypatch.setattr(push, "_PAUSES", (0.0,))
    seen: list[httpx.Request] = []
    counted: Counter[str] = Counter()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        given = answers[len(seen) - 1]
        if isinstance(given, httpx.TransportError):
            raise given
        return given

    async def send() -> None:
        transport = httpx.MockTransport(answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            await Pusher(client, "kv_key", counted).push("reports", records)

    asyncio.run(send())
    return seen, counted


def test_what_was_not_confirmed_is_sent_again_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, counted = _push(
        monkeypatch,
        [
            httpx.ConnectError("away"),
            httpx.Response(503),
            httpx.Response(429, headers={"retry-after": "0"}),
            httpx.Response(202, json=ACCEPTED),
        ],
        [b"{}"],
    )
    assert [request.content for request in seen] == [b"{}"] * 4
    assert counted == {"accepted": 1}


def test_one_record_goes_as_json_and_several_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = _push(monkeypatch, [httpx.Response(202, json=ACCEPTED)], [b"{}"])
    two, _ = _push(monkeypatch, [httpx.Response(202, json=ACCEPTED)], [b"{}", b'{"a'])
    assert one[0].headers["content-type"] == "application/json"
    assert two[0].headers["content-type"] == "application/x-ndjson"
    assert two[0].content == b'{}\n{"a'
    assert two[0].headers["authorization"] == "Bearer kv_key"


def test_a_rejected_record_is_counted_and_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.loads(json.dumps(ACCEPTED).replace("accepted", "rejected"))
    seen, counted = _push(monkeypatch, [httpx.Response(422, json=body)], [b"{}"])
    assert len(seen) == 1
    assert counted == {"rejected": 1}


@pytest.mark.parametrize(
    ("status", "code"), [(401, "key_refused"), (403, "key_refused"), (413, "not_taken")]
)
def test_a_refusal_that_will_not_pass_ends_it(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    with pytest.raises(InputError) as refused:
        _push(monkeypatch, [httpx.Response(status)], [b"{}"])
    assert refused.value.code == code


def test_nothing_to_send_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _push(monkeypatch, [], []) == ([], Counter())


def test_registries_begin_when_the_clinics_history_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []
    stop = asyncio.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        if paths.count("/v1/followups") >= 5:
            stop.set()
        return httpx.Response(202, json={"receipt_id": "r", "records": []})

    client = httpx.AsyncClient
    monkeypatch.setattr(
        httpx,
        "AsyncClient",
        lambda **options: client(transport=httpx.MockTransport(answer), **options),
    )
    simulation = push.Simulation(1, history=300, rate=500)
    keys = dict.fromkeys(simulation.senders, "kv_key")
    told: list[int] = []
    asyncio.run(simulation.run("http://gateway", keys, lambda: told.append(1), stop))
    assert all(clinic.reports >= 300 for clinic in simulation.clinics)
    # one list of each clinic's history at the least, before the first day of a course
    assert paths.index("/v1/followups") >= 4
    assert told
    assert {registry.sent["follow-up record"] > 0 for registry in simulation.registries} == {True}
