"""What a large inbox and a large line listing cost a browser: first content, bytes, layout jumps.

python -m tests.dashboards.board.first_content [CASES [SIGNALS]]

Fills a store, shows it in real Chromium, and prints what was measured beside its goal; exit 1 where
one is missed.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from sqlalchemy import Connection, insert, update

from dashboards.web import create_web
from schemas.coding import code
from schemas.envelope import Change, encode
from streams.master_key import load_sealer
from streams.sealing import Sealer
from streams.store import tables
from tests.dashboards.board.conftest import CHROMIUM, Board
from tests.dashboards.support import PAIR, VOCABULARY, Filled, report
from tests.streams.gateway.serving import running

CASES, SIGNALS = 50_000, 5_000
SECONDS, KILOBYTES = 1.0, 150.0
DAY = 739_000

# the sums are of what the browser itself counts; a shift after a key or a click is none
MEASURE = """
() => new Promise((done) => {
  let shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  setTimeout(() => {
    const page = performance.getEntriesByType("navigation")[0];
    const rest = performance.getEntriesByType("resource");
    const first = performance.getEntriesByName("first-contentful-paint")[0];
    done({
      seconds: first.startTime / 1000,
      bytes: rest.reduce((sum, one) => sum + one.transferSize, page.transferSize),
      shift,
      loaded: rest.map((one) => one.name),
    });
  }, 300);
})
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds to the first content, bytes of everything that was loaded, sum of layout shifts."""

    seconds: float
    bytes: int
    shift: float
    loaded: tuple[str, ...]


def measured(context: BrowserContext, address: str, part: str = "") -> Measured:
    """A page opened with an empty cache; `part`: what must have come in after it."""
    page = context.new_page()
    try:
        page.goto(address)
        if part:
            page.locator(part).first.wait_for(timeout=120_000)
        found: dict[str, Any] = page.evaluate(MEASURE)
    finally:
        page.close()
    return Measured(found["seconds"], found["bytes"], found["shift"], tuple(found["loaded"]))


def fill(filled: Filled, cases: int, signals: int) -> int:
    """So many cases of one pair, and so many signals; the number of the pair's signal."""
    sealer = load_sealer(filled.settings.data)
    with filled.store.write() as connection:
        _cases(connection, cases, sealer)
        counts = (cases, cases, cases, 3 * cases)
        filled.score(connection, [(PAIR, counts)], position=1)
        number = filled.signal(connection, PAIR, position=1, n=cases, rules={"ic025": True})
        pairs = [("spontaneous", "ketamine", f"Event {i}") for i in range(signals - 1)]
        scored = [(pair, (3 + i % 9, 400, 40, 90_000)) for i, pair in enumerate(pairs)]
        filled.score(connection, scored, position=1)
        for pair in pairs:
            filled.signal(connection, pair, position=1, n=3, rules={"ic025": True, "ror025": True})
        moved = update(tables.positions).where(tables.positions.c.consumer == "detect")
        connection.execute(moved.values(next_offset=2))
    return number


def _cases(connection: Connection, count: int, sealer: Sealer) -> None:
    rows: dict[str, list[dict[str, Any]]] = {"records": [], "cases": [], "versions": []}
    changes = []
    for number in range(1, count + 1):
        body = report(number)
        coding = code(VOCABULARY, body, DAY)
        change = Change(
            "case",
            number,
            1,
            dataset=coding.dataset,
            products=coding.products,
            events=coding.events,
            serious=coding.serious,
        )
        text = json.dumps(body).encode()
        digest = hashlib.sha256(text).digest()
        named = {"sender": body["sender"], "report_id": body["report_id"]}
        rows["records"].append(
            {"id": number, "stream": "reports", "partition": 0, "offset": number, "place": 0}
            | {"request_index": 0, "sender": body["sender"], "origin": "push", "taken_at": 0.0}
            | {"sealed": b"s", "wrapped_key": b"k", "sealed_hash": digest}
        )
        rows["cases"].append(
            {"id": number, "key": f"reports\x1f{number}", "stream": "reports", "newest": number}
            | {"revision": 1}
            | named
        )
        rows["versions"].append(
            {"id": number, "case_id": number, "version": None, "information_date": "2026-07-03"}
            | {"sort_key": "2026-07-03", "content_hash": digest, "status": "active"}
            | {"version_conflict": False, "body": sealer.enclose(text), "coded": encode(change)}
        )
        changes.append(
            {"position": 1, "place": number, "kind": "case", "case_id": number, "revision": 1}
            | {"body": encode(change), "applied_at": 0.0}
        )
    for name, listed in rows.items():
        connection.execute(insert(getattr(tables, name)), listed)
    connection.execute(insert(tables.changes), changes)


@contextmanager
def shown(browser: Browser, board: Board) -> Iterator[BrowserContext]:
    """A window of an officer, its cache empty."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    cookie = {"name": "ketavigil_session", "value": board.cookie(), "url": board.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    try:
        yield context
    finally:
        context.close()


def main(cases: int = CASES, signals: int = SIGNALS) -> int:
    """Measure, print, and say whether the goals were met."""
    out = []
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        filled = Filled(Path(data))
        number = fill(filled, cases, signals)
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        pages = {
            "inbox, asked for as soon as the process listens": ("/", ""),
            "inbox, first after it is ready": ("/", ""),
            "inbox": ("/", ""),
            "line listing": (f"/signals/{number}", ".depth table"),
        }
        asked = iter(pages.items())
        for many in (1, 3):
            began = time.monotonic()
            with running(create_web(filled.settings)) as url:
                board = Board(url, filled)
                if many > 1:
                    while httpx.get(f"{url}/readyz").status_code != 200:
                        time.sleep(0.05)
                    seconds = time.monotonic() - began
                    out.append(_line("start to ready", seconds, "s", None))
                for name, (path, part) in islice(asked, many):
                    with shown(browser, board) as context:
                        found = measured(context, url + path, part)
                    out += [
                        _line(f"{name}: first content", found.seconds, "s", SECONDS),
                        _line(f"{name}: transferred", found.bytes / 1000, "kB", KILOBYTES),
                        _line(f"{name}: layout shift", found.shift, "", 0.0),
                    ]
        browser.close()
        filled.close()
    print(json.dumps(out, indent=1))  # noqa: T201
    return 0 if all(one["met"] for one in out) else 1


def _line(name: str, value: float, unit: str, goal: float | None) -> dict[str, Any]:
    met = goal is None or value <= goal
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "met": met}


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
