"""What was answered with 202 is in the log, whatever dies next."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from schemas.envelope import CANARY, decode_envelope
from streams.gateway.keys import create_key
from streams.log import open_log
from streams.settings import Settings
from streams.store.store import open_store
from tests.streams.gateway.serving import SENDER, Serving, report


@contextmanager
def web(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`ketavigil web` as a process of its own, and its address."""
    main = "import sys; from streams.cli import main; sys.exit(main())"
    with open(data / "errors", "w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", main, "web", "--data", str(data), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout
            line = process.stdout.readline()
            errors.seek(0)
            assert line.startswith("ketavigil web: http://127.0.0.1:"), errors.read()
            yield process, line.split()[-1].rstrip("/")
        finally:
            process.kill()
            process.wait(10)
            assert process.stdout
            process.stdout.close()


def _key(data: Path) -> dict[str, str]:
    store = open_store(Settings.read(data=data).store)
    try:
        return {"authorization": f"Bearer {create_key(store, SENDER)}"}
    finally:
        store.close()


def _in_log(data: Path) -> list[str | None]:
    settings = Settings.read(data=data)
    log = open_log(settings.broker)
    try:
        return [
            entry.record_id
            for partition in range(settings.partitions())
            for message in log.read("reports", partition, 0, 100_000)
            for entry in decode_envelope(message.value or b"").records
            if entry.origin != CANARY
        ]
    finally:
        log.close()


def test_kill_minus_nine_right_after_the_answer_loses_nothing(tmp_path: Path) -> None:
    headers = _key(tmp_path)
    acknowledged: list[str] = []
    for life in range(3):
        with web(tmp_path) as (process, url):
            records = [report(report_id=f"{life}-{i}") for i in range(20)]
            with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
                answer = client.post("/v1/reports", json=records)
                os.kill(process.pid, signal.SIGKILL)
            assert answer.status_code == 202
            acknowledged += [record["id"] for record in answer.json()["records"]]
            assert process.wait(10) == -signal.SIGKILL
    assert len(acknowledged) == 60
    assert sorted(filter(None, _in_log(tmp_path))) == sorted(acknowledged)


def test_kill_minus_nine_while_many_push_loses_nothing_acknowledged(tmp_path: Path) -> None:
    headers = _key(tmp_path)
    acknowledged: list[str] = []
    with web(tmp_path) as (process, url):

        def push(worker: int) -> None:
            with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
                for i in range(10_000):
                    record_id = f"{worker}-{i}"
                    try:
                        answer = client.post("/v1/reports", json=report(report_id=record_id))
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 202
                    acknowledged.append(record_id)

        with ThreadPoolExecutor(4) as pool:
            pushing = [pool.submit(push, worker) for worker in range(4)]
            while len(acknowledged) < 100 and not any(future.done() for future in pushing):
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            for future in pushing:
                future.result(timeout=20)
    assert len(acknowledged) >= 100
    # a record that was appended and not answered may be there, an answered one must
    assert set(acknowledged) <= set(_in_log(tmp_path))


def test_asked_to_stop_it_ends_in_order(tmp_path: Path) -> None:
    headers = _key(tmp_path)
    with web(tmp_path) as (process, url):
        answer = httpx.post(f"{url}/v1/reports?validate=true", json=report(), headers=headers)
        assert answer.status_code == 202
        process.terminate()
        assert process.wait(10) == 0
    logged = (tmp_path / "errors").read_text()
    assert "validate" not in logged
    assert headers["authorization"].split()[1] not in logged


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with web(tmp_path) as (_, url):
        main = "import sys; from streams.cli import main; sys.exit(main())"
        port = url.rsplit(":", 1)[1]
        second = subprocess.run(
            [sys.executable, "-c", main, "web", "--data", str(tmp_path), "--port", port],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert second.returncode == 2
    assert second.stderr.startswith(f"ketavigil: port_taken: cannot listen on 127.0.0.1:{port}: ")
    assert second.stderr.count("\n") == 1


def test_two_hundred_records_a_second_from_several_clients(gateway: Serving) -> None:
    clients, seconds, rate = 8, 3.0, 200
    acknowledged: list[str] = []
    lock = threading.Lock()

    def push(worker: int) -> None:
        with gateway.client() as client:
            began = time.monotonic()
            for i in range(int(seconds * rate / clients)):
                due = began + i * clients / rate
                time.sleep(max(0.0, due - time.monotonic()))
                answer = client.post("/v1/reports", json=report(report_id=f"{worker}-{i}"))
                assert answer.status_code == 202
                with lock:
                    acknowledged.append(answer.json()["records"][0]["id"])

    with ThreadPoolExecutor(clients) as pool:
        for future in [pool.submit(push, worker) for worker in range(clients)]:
            future.result(timeout=60)
    assert len(acknowledged) == seconds * rate
    assert sorted(acknowledged) == sorted(str(entry.record_id) for entry in gateway.entries())


@pytest.mark.parametrize("records", [1, 500])
def test_the_same_sent_again_is_taken_again(gateway: Serving, records: int) -> None:
    body = json.dumps([report(report_id=f"A-{i}") for i in range(records)]).encode()
    headers = {"content-type": "application/json"}
    with gateway.client() as client:
        for _ in range(2):
            answer = client.post("/v1/reports", content=body, headers=headers)
            assert answer.status_code == 202
    entries = gateway.entries()
    assert len(entries) == 2 * records
    assert len({entry.content_hash for entry in entries}) == records
