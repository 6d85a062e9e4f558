"""The watchlist: what the deployment exists for."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.vocabulary import Vocabulary, Watchlist


def test_ketamine_its_enantiomers_and_analogs_are_watched_by_default() -> None:
    watchlist = Watchlist.load()
    names = "KETALAR|Spravato|R-ketamine|Ketanest|norketamine|2-FDCK|MXE|DCK".split("|")
    assert all(watchlist.watches(Vocabulary.load().product(name).name) for name in names)
    assert not watchlist.watches("propofol")
    assert not watchlist.watches("dextromethorphan-bupropion")
    assert not watchlist.watches("phencyclidine")


def test_the_strata_of_a_watched_product_are_watched_and_others_are_not() -> None:
    watchlist = Watchlist.load()
    assert watchlist.watches("ketamine @home")
    assert not watchlist.watches("propofol @clinic")


def test_every_watched_product_is_a_substance_of_the_vocabulary() -> None:
    vocabulary = Vocabulary.load()
    assert all(vocabulary.product(name) == (name, True) for name in Watchlist.load().products)


def test_a_file_may_name_products_as_sent(tmp_path: Path) -> None:
    path = tmp_path / "vaccines.toml"
    path.write_text('products = ["Rotavirus (RotaShield)", "SPRAVATO"]')
    watchlist = Watchlist.load(path)
    assert watchlist.products == {"ROTAVIRUS (ROTASHIELD)", "esketamine"}
    assert not watchlist.watches("ketamine")
    assert watchlist.digest() != Watchlist.load().digest()
    path.write_text('products = ["esketamine", "ROTAVIRUS (ROTASHIELD)"]')
    assert Watchlist.load(path).digest() == watchlist.digest()


@pytest.mark.parametrize(
    ("content", "code"),
    [("products = 3", "vocabulary_invalid"), ("product = ['x']", "vocabulary_invalid")],
)
def test_a_file_that_is_no_watchlist_is_refused(tmp_path: Path, content: str, code: str) -> None:
    path = tmp_path / "watchlist.toml"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        Watchlist.load(path)
    assert caught.value.code == code


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Watchlist.load(tmp_path / "nowhere.toml")
    assert caught.value.code == "no_such_file"
