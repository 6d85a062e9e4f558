"""What is to be translated: the messages of the pages, taken out of templates and code by Babel.

`python -m tests.messages` writes them into every catalogue: new ones without a text, those that are
no longer used away, and no guess ("fuzzy") in between.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from dashboards.language import CATALOGUES, LANGUAGES, SOURCE

ROOT = Path(__file__).parents[1] / "dashboards"
_KEYWORDS = {"_": None, "n_": (1, 2), "mark": None, "gettext": None, "ngettext": (1, 2)}
_OPTIONS = {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}


def extracted() -> Catalog:
    """Every message of the pages, with the files that say it."""
    found = Catalog(fuzzy=False)
    for file, _line, message, comments, context in extract_from_dir(
        ROOT,
        method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")],
        options_map={"**/templates/**.html": _OPTIONS},
        keywords=_KEYWORDS,
    ):
        if not file.startswith(("reports/", "language.py")):
            found.add(message, None, [(f"dashboards/{file}", 0)], (), comments, context=context)
    return found


def catalogue(language: str) -> Catalog:
    """The catalogue of a language as it is written."""
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    """Bring every catalogue up to date."""
    for language in LANGUAGES:
        if language == SOURCE:
            continue
        path = CATALOGUES / f"{language}.po"
        known = catalogue(language) if path.exists() else Catalog(locale=language)
        known.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
        known.obsolete.clear()
        known.project, known.version, known.fuzzy = "ketavigil", "1", False
        known.header_comment = f"# The pages in {LANGUAGES[language]}; tests/messages.py says how."
        known.msgid_bugs_address = known.last_translator = known.language_team = "ketavigil"
        with path.open("wb") as file:
            write_po(file, known, width=100, sort_output=True, include_lineno=False)


if __name__ == "__main__":
    main()
