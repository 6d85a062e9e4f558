"""A user's own file adds to the vocabulary, and a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.vocabulary import Coded, Vocabulary

EXTRA = """
noise = ["klinikum"]
terms = ["Odd sensation"]

[[substance]]
name = "ketamine"
names = ["hausmarke"]

[[substance]]
name = "zinc"
class = "mineral"
names = ["zink"]

[groups.urinary]
narrow = ["Bladder ache"]

[groups.oddities]
narrow = ["Odd sensation"]
broad = ["Odd dream"]

[synonyms]
"Pelvic ache" = "Bladder pain"

[routes]
oral = ["gulped"]
"""


def written(folder: Path, content: str) -> Path:
    path = folder / "extra.toml"
    path.write_text(content)
    return path


def test_a_users_file_adds_substances_names_terms_groups_and_routes(tmp_path: Path) -> None:
    vocabulary = Vocabulary.load(written(tmp_path, EXTRA))
    assert vocabulary.product("Hausmarke 50 mg Klinikum") == Coded("ketamine", True)
    assert vocabulary.product("KETALAR") == Coded("ketamine", True)
    assert vocabulary.product("Zink") == Coded("zinc", True)
    assert vocabulary.substance_class("zinc") == "mineral"
    assert vocabulary.substance_class("ketamine") == "ketamine"
    assert vocabulary.event("PELVIC ACHE") == Coded("Bladder pain", True)
    assert vocabulary.groups_of("Bladder ache") == ("urinary",)
    assert vocabulary.groups_of("Dysuria") == ("urinary",)
    assert vocabulary.groups(broad=True)["oddities"] == ("Odd sensation", "Odd dream")
    assert vocabulary.route("Gulped") == "oral"


def test_the_shipped_vocabulary_is_not_changed_by_it(tmp_path: Path) -> None:
    before = Vocabulary.load().digest()
    Vocabulary.load(written(tmp_path, EXTRA))
    assert Vocabulary.load().digest() == before
    assert Vocabulary.load().product("Hausmarke") == Coded("HAUSMARKE", False)
    assert Vocabulary.load() is Vocabulary.load()


def test_the_digest_is_that_of_the_names_and_not_of_the_layout(tmp_path: Path) -> None:
    digest = Vocabulary.load(written(tmp_path, EXTRA)).digest()
    assert digest != Vocabulary.load().digest()
    assert Vocabulary.load(written(tmp_path, "# of ours\n" + EXTRA)).digest() == digest
    changed = EXTRA.replace("hausmarke", "eigenmarke")
    assert Vocabulary.load(written(tmp_path, changed)).digest() != digest


def test_a_longer_name_of_its_own_leaves_the_shorter_one_alone(tmp_path: Path) -> None:
    content = '[[substance]]\nname = "lithium carbonate"\nclass = "mood_stabiliser"'
    vocabulary = Vocabulary.load(written(tmp_path, content))
    assert vocabulary.product("LITHIUM CARBONATE") == Coded("lithium carbonate", True)
    assert vocabulary.product("Lithium") == Coded("lithium", True)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("[[substance", "vocabulary_invalid"),
        ("colour = 'red'", "vocabulary_invalid"),
        ("[[substance]]\nclass = 'ssri'", "vocabulary_invalid"),
        ("[groups.urinary]\nnarrow = 'Dysuria'", "vocabulary_invalid"),
        ("[routes]\ntelepathic = ['mind']", "vocabulary_invalid"),
        ("[[substance]]\nname = 'zinc'\nnames = ['Spravato']", "vocabulary_conflict"),
        (
            "[[substance]]\nname = 'a'\nnames = ['x']\n[[substance]]\nname = 'b'\nnames = ['X']",
            "vocabulary_conflict",
        ),
        ("[synonyms]\nDysuria = 'Cystitis'", "vocabulary_conflict"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_a_code(
    tmp_path: Path, content: str, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        Vocabulary.load(written(tmp_path, content))
    assert caught.value.code == code


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "extra.toml"
    path.write_bytes('noise = ["präparat"]'.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        Vocabulary.load(path)
    assert caught.value.code == "vocabulary_invalid"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Vocabulary.load(tmp_path / "nowhere.toml")
    assert caught.value.code == "no_such_file"
