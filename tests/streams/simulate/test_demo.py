"""The demo, whole: two processes, clinics over HTTP, and what was planted found on the board."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser import look_at
from tests.dashboards.board.conftest import chromium as chromium  # noqa: PLC0414
from tests.deployment import eventually, free_port

pytestmark = pytest.mark.browser


class Demo:
    """A demo that runs; `began` is when it was started."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.out = folder / "demo.out"
        self.began = time.monotonic()
        clean = {k: v for k, v in os.environ.items() if not k.startswith("KETAVIGIL_")}
        command = ["demo", "--data", str(self.data), "--port", str(self.port), "--seed", "1"]
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", *command], env=clean, stdout=out, stderr=out
            )
        eventually(lambda: "planted  " in self.out.read_text(), "the demo to begin")
        link = re.search(r"sign in  (\S+)", self.out.read_text())
        assert link is not None
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", follow_redirects=True, timeout=20
        )
        self.client.post(link.group(1))

    def page(self, path: str) -> str:
        """The text of a page."""
        answer = self.client.get(path)
        assert answer.status_code == 200
        return answer.text

    def verdicts(self) -> list[str]:
        """How each planted thing stands."""
        return re.findall(r"<strong>([a-z, ]+)</strong></td>", self.page("/demo"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all tests of this file."""
    running = Demo(tmp_path_factory.mktemp("demo"))
    try:
        yield running
    finally:
        running.client.close()
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(timeout=60)


def test_the_first_planted_signal_is_on_the_board_within_a_minute(demo: Demo) -> None:
    eventually(lambda: "Tinnitus" in demo.page("/?product=esketamine"), "the first planted signal")
    assert time.monotonic() - demo.began < 60


def test_the_one_that_shows_in_one_setting_is_found_there_alone(demo: Demo) -> None:
    eventually(lambda: demo.verdicts()[:2] == ["found", "found"], "the planted signals")
    page = demo.page("/demo")
    assert re.search(r"<a href=\"/signals/\d+\">ketamine @home</a>", page)
    assert re.search(r"ketamine \(must stay silent\)</td>\s*<td class=\"number\">not raised", page)


def test_axe_finds_nothing_on_the_page_of_what_was_planted(demo: Demo, chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 800})
    try:
        (cookie,) = demo.client.cookies.jar
        url = str(demo.client.base_url)
        assert cookie.value is not None
        context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])
        page = context.new_page()
        page.goto(f"{url}/demo")
        for details in page.locator("details").all():
            details.locator("summary").click()
        look_at(page, "demo")
    finally:
        context.close()


def test_it_ends_in_good_order_and_every_record_is_accounted_for(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=60) == 0, demo.out.read_text()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{demo.port}/healthz", timeout=2)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KETAVIGIL_")}
    verified = subprocess.run(
        [sys.executable, "-m", "streams", "verify", "--data", str(demo.data)],
        env=clean,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout
    assert "0 differences" in verified.stdout


def test_a_directory_that_is_not_empty_is_refused(demo: Demo) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "streams", "demo", "--data", str(demo.data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    assert "not_empty" in refused.stderr
