"""Every page can be said in another language: no word of a template or of code stays English."""

from __future__ import annotations

import re

import httpx
import pytest
from babel.messages.catalog import Message
from sqlalchemy import select

from dashboards import language, people
from dashboards.language import COOKIE
from detectors import families, rules
from detectors.calibration.controls import negative_controls
from detectors.followup import protocol
from detectors.followup.counted import backgrounds
from schemas.vocabulary import Vocabulary, Watchlist
from streams.store import tables
from tests import messages
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_cohort import CHECKPOINT, this_year
from tests.dashboards.board.visible import Brackets, untranslated
from tests.dashboards.followups import detect, follow

PAGES = (
    "/",
    "/?state=new&product=xx",
    "/signals",
    "/signals?product=none",
    "/decisions",
    "/silence",
    "/silence?dataset=cohort",
    "/silence?dataset=solicited&product=none",
    "/cohort",
    "/cohort?product=none",
    "/health",
    "/self-test",
    "/courses",
    "/courses?level=urgent",
    "/trail",
    "/accounts",
    "/cases/1",
    "/cases/1/narrative",
    "/nothing-here",
    "/signals/99",
)
# names of measures, units, programs and columns: the same in every language
SAME = frozenset(
    "IC PRR ROR RRR IC025 IC975 EBGM EB05 EB95 UTC CSV HTML PDF JSON RUCAM LLR log2 SHA WHO "
    "alpha ketavigil min Evans Deutsch English MOAA CADSS SpO2 QTc signal".split()
)
# what the reports of this board say
AS_SENT = ("Ketamine", "Spravato", "DISSOCIATION", "ketamine @clinic", "sertraline", "Sertraline")


def names(board: Board) -> frozenset[str]:
    """What the deployment calls things: products, terms, people, senders, rules of data."""
    vocabulary = Vocabulary.load()
    found = {*SAME, *families.read().events, *Watchlist.load(None, vocabulary).products}
    found |= {control.event for control in negative_controls()}
    tests = protocol.read()
    rates = backgrounds().rates
    found |= {rate.event for rate in rates} | {rate.name.replace("_", " ") for rate in rates}
    found |= {test.name.replace("_", " ") for test in tests.poisson}
    found |= {test.name.replace("_", " ") for test in tests.arms}
    found |= {test.name.replace("_", " ") for test in tests.interval}
    found |= {rule.title for rule in rules.read(None)} | set(AS_SENT)
    with board.filled.store.read() as connection:
        for column in (
            tables.signals.c.product,
            tables.signals.c.event,
            tables.scores.c.product,
            tables.scores.c.event,
            tables.users.c.name,
            tables.records.c.sender,
            tables.cases.c.report_id,
            tables.courses.c.patient,
            tables.courses.c.course,
            tables.families.c.name,
            tables.unmatched.c.name,
            tables.findings.c.event,
        ):
            found |= {str(value) for value in connection.scalars(select(column).distinct())}
    return frozenset(name for name in found if name)


@pytest.fixture
def brackets(monkeypatch: pytest.MonkeyPatch) -> Brackets:
    """Another catalogue in the place of the German one."""
    real, held = language.catalogue, Brackets()
    monkeypatch.setattr(language, "catalogue", lambda code: held if code == "de" else real(code))
    return held


def ids(message: Message) -> list[str]:
    """What a message is asked for by, in each form."""
    return [message.id] if isinstance(message.id, str) else list(message.id)


def read(board: Board, who: str, role: people.Role, path: str) -> httpx.Response:
    """A page as somebody of a role gets it who has chosen German."""
    store = board.filled.store
    if who not in {user.name for user in people.list_users(store)}:
        people.create_user(store, who, role)
    token = people.use_link(store, people.create_link(store, who).removeprefix("/sign-in/"))
    cookies = {"ketavigil_session": token or "", COOKIE: "de"}
    with httpx.Client(base_url=board.url, cookies=cookies, timeout=30, trust_env=False) as client:
        return client.get(path, headers={"accept": "text/html"})


@pytest.mark.parametrize(
    ("who", "role"), [("Olga", "officer"), ("Rosa", "regulator"), ("Ada", "admin")]
)
def test_no_word_of_a_page_is_left_untranslated(
    board: Board, confirmed: int, brackets: Brackets, who: str, role: people.Role
) -> None:
    follow(board.filled, this_year())
    detect(board.filled, CHECKPOINT)
    own = (f"/signals/{n}{rest}" for n in range(1, confirmed + 3) for rest in ("", "/depth"))
    left: set[tuple[str, str]] = set()
    seen = 0
    for path in (*PAGES, *own, "/cohort/Haematuria", "/courses/1"):
        page = read(board, who, role, path)
        if "text/html" not in page.headers.get("content-type", ""):
            continue
        seen += 1
        assert '<html lang="de">' in page.text or "/depth" in path
        left |= {(text, path) for text in untranslated(page.text, names(board))}
    assert seen > 20
    german = {one for message in messages.catalogue("de") for one in ids(message)}
    unknown = brackets.asked - german - names(board)
    unknown = {text for text in unknown if re.search(r"[^\W\d_]{3,}", text)}
    assert not unknown, f"asked for, and in no catalogue: {sorted(unknown)}"
    assert not left, "\n".join(f"{path}: {text}" for text, path in sorted(left))
