"""The languages of the pages: how one is chosen, what stays English, and whole catalogues."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Message
from starlette.datastructures import Headers

from dashboards import people
from dashboards.board import evidence
from dashboards.board.beside import figure
from dashboards.board.pages import count, decimal, period
from dashboards.language import COOKIE, LANGUAGES, SOURCE, _, current, of_request, speaking
from dashboards.web import create_web
from detectors import case_review, rucam
from detectors.followup import looks
from streams.store.signatures import MEANINGS
from tests import messages
from tests.dashboards.support import Filled, fill
from tests.streams.gateway.serving import running

OTHERS = sorted(LANGUAGES.keys() - {SOURCE})


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """A deployment with three signals."""
    made = Filled(tmp_path)
    fill(made)
    yield made
    made.close()


@pytest.fixture
def url(filled: Filled) -> Iterator[str]:
    """Its web process."""
    with running(create_web(filled.settings)) as found:
        yield found


@pytest.fixture
def client(filled: Filled, url: str) -> Iterator[httpx.Client]:
    """An officer who has chosen nothing."""
    people.create_user(filled.store, "Olga", "officer")
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as made:
        assert made.post(people.create_link(filled.store, "Olga")).status_code == 303
        yield made


def forms(message: Message) -> list[tuple[str, str]]:
    """Each form of a message with its translation; of a plural the many stand for every form."""
    if isinstance(message.id, tuple):
        assert isinstance(message.string, (tuple, list)), message.id
        return [(message.id[min(i, 1)], text) for i, text in enumerate(message.string)]
    assert isinstance(message.id, str)
    assert isinstance(message.string, str)
    return [(message.id, message.string)]


def placeholders(text: str) -> list[str]:
    """What is put into a message, and the tags and links that it has."""
    return sorted(re.findall(r"%\(\w+\)s|\{\w+[^{}]*\}|%%|<[^>]*>", text))


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_every_message_and_no_other(language: str) -> None:
    said = {m.id for m in messages.extracted() if m.id}
    known = messages.catalogue(language)
    held = {m.id for m in known if m.id}
    assert said - held == set(), "run python -m tests.messages"
    assert held - said == set(), "run python -m tests.messages"
    assert len(said) > 1000
    assert not known.obsolete
    assert [m.id for m in known if m.id and m.fuzzy] == []
    empty = [m.id for m in known if m.id for _one, text in forms(m) if not text]
    assert empty == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_puts_in_what_the_message_does_and_keeps_its_markup(language: str) -> None:
    wrong = [
        (text, said)
        for message in messages.catalogue(language)
        if message.id
        for text, said in forms(message)
        if placeholders(text) != placeholders(said)
        or (text[:1].isspace(), text[-1:].isspace()) != (said[:1].isspace(), said[-1:].isspace())
    ]
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_words_of_other_packages_are_in_the_catalogue(language: str) -> None:
    known = {m.id for m in messages.catalogue(language)}
    rules = [*case_review.RULES, case_review.URGENT, evidence.RULE, *looks.RULES, *looks.MAXSPRT]
    wanted = {rule.title for rule in rules} | {rule.name.replace("_", " ") for rule in rules}
    wanted |= {*MEANINGS, *MEANINGS.values(), *rucam.PATTERNS, *rucam.PATTERNS.values()}
    wanted |= {grade for _points, grade in rucam.GRADES}
    for items in rucam.ITEMS.values():
        for item in items:
            wanted |= {item.words, *(choice.words for choice in item.choices)}
    assert wanted - known == set()


def test_what_a_person_chose_comes_before_what_the_browser_asks_for() -> None:
    german = Headers({"accept-language": "de-AT, en;q=0.5"})
    assert of_request({}, german) == "de"
    assert of_request({COOKIE: "en"}, german) == "en"
    assert of_request({COOKIE: "de"}, Headers({})) == "de"
    assert of_request({COOKIE: "xx"}, german) == "de"
    assert of_request({}, Headers({"accept-language": "fr, *;q=0.1"})) == "en"


def test_a_language_holds_for_what_is_called_inside_and_for_no_other_task() -> None:
    with speaking("de"):
        inside = copy_context()
        assert _("Inbox") == "Posteingang"
    assert (_("Inbox"), current()) == ("Inbox", "en")
    assert inside.run(lambda: _("Inbox")) == "Posteingang"


def test_pages_speak_english_unless_asked_otherwise(client: httpx.Client) -> None:
    page = client.get("/")
    assert '<html lang="en">' in page.text
    assert "Signals that need a person" in page.text
    assert page.headers["content-language"] == "en"
    assert page.headers["vary"] == "Accept-Language, Cookie"


def test_pages_speak_the_language_that_the_browser_asks_for(client: httpx.Client) -> None:
    page = client.get("/", headers={"accept-language": "de-DE,de;q=0.9,en;q=0.4"})
    assert '<html lang="de">' in page.text
    assert "Signale, die eine Person brauchen" in page.text
    assert page.headers["content-language"] == "de"


def test_a_choice_holds_and_leads_back_to_the_page(client: httpx.Client) -> None:
    form = {"language": "de", "next": "/signals?product=ketamine"}
    answer = client.post("/language", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, form["next"])
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    page = client.get("/signals", headers={"accept-language": "en"})
    assert "Signale auf der Beobachtungsliste" in page.text


def test_who_is_not_signed_in_chooses_too_and_sees_why_it_failed(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as stranger:
        stranger.post("/language", data={"language": "de", "next": "/sign-in"})
        assert "Passwort" in stranger.get("/sign-in").text
        failed = stranger.post("/sign-in", data={"name": "Olga", "password": "no"})
        assert "Name oder Passwort ist falsch." in failed.text


@pytest.mark.parametrize("where", ["https://elsewhere", "//elsewhere", ""])
def test_a_choice_leads_to_no_other_site_and_knows_only_our_languages(url: str, where: str) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as stranger:
        answer = stranger.post("/language", data={"language": "xx", "next": where})
    assert answer.headers["location"] == "/"
    assert "set-cookie" not in answer.headers


def test_another_site_cannot_choose(client: httpx.Client) -> None:
    answer = client.post(
        "/language", data={"language": "de"}, headers={"origin": "https://elsewhere"}
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/inbox.csv", "/silence.csv", "/metrics", "/v1/signals", "/v1/signals/1"],
)
def test_what_programs_read_is_the_same_in_every_language(client: httpx.Client, path: str) -> None:
    asked = {"accept-language": "de"}
    german, english = client.get(path, headers=asked), client.get(path)
    assert german.status_code == 200
    assert "content-language" not in german.headers
    assert words(german.text) == words(english.text)


def words(text: str) -> set[str]:
    """The words of a text: times and sums of a process may differ."""
    return set(re.findall(r"[^\W\d_]{3,}", text))


def test_a_cached_answer_for_one_language_is_not_one_for_another(client: httpx.Client) -> None:
    for path in ("/health", "/signals/1", "/signals/1/depth", "/decisions"):
        page = client.get(path, headers={"accept-language": "de"})
        assert page.headers["vary"] == "Accept-Language, Cookie", path
        assert page.headers["cache-control"] == "no-store", path
    # what is the same for everybody stays as it was
    assert client.get("/static/board.css").headers["vary"] == "accept-encoding"


def test_what_is_written_down_stays_english(client: httpx.Client, filled: Filled) -> None:
    shown = client.get("/signals/1").text
    (csrf,) = set(re.findall(r'name="csrf" value="([0-9a-f]{64})"', shown))
    form = {"csrf": csrf, "revision": "0", "to": "under_validation", "note": "gesehen"}
    answer = client.post(
        "/signals/1/workflow", data=form, headers={"accept-language": "de"}, follow_redirects=False
    )
    assert answer.status_code == 303
    kept = client.get("/trail", headers={"accept-language": "en"}).text
    assert "signal moved" in kept
    assert "under validation" in kept


def test_a_refused_form_says_why_in_the_language(client: httpx.Client) -> None:
    shown = client.get("/signals/1").text
    (csrf,) = set(re.findall(r'name="csrf" value="([0-9a-f]{64})"', shown))
    answer = client.post(
        "/signals/1/workflow",
        data={"csrf": csrf, "revision": "0", "to": "under_validation", "note": ""},
        headers={"accept-language": "de"},
    )
    assert answer.status_code == 422
    assert "sagen Sie in der Notiz, warum" in answer.text


def test_a_comma_between_thousands_is_not_taken_for_a_decimal_point() -> None:
    with speaking("de"):
        said = [count(46_546), decimal(-1234.5), figure(12_345.6), period(1_200)]
        assert _("{days:,.0f} days", days=1_200) == "1\u202f200 Tage"
    assert said == ["46\u202f546", "−1\u202f234", "12\u202f346", "3.29 Jahre"]
    assert [count(46_546), decimal(1_234.5), figure(12_345.6)] == ["46,546", "1,234", "12,346"]
