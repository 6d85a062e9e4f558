"""What the environment is made of: pinned versions, licences, and known holes where they are told.

`python -m tests.audit` is a part of `./dev check`. What is pinned and under which terms it is used
can be said without a network. Known holes are a matter of a service (`pip-audit` asks PyPI): where
that does not answer, this says so and fails for nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageMetadata, distributions
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
# the project itself, and what makes environments
OWN = {"ketavigil", "pip", "setuptools", "wheel"}
# permissive terms, and those that ask nothing of who uses a library as it is
ALLOWED = {
    "0bsd", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "hpnd", "isc",
    "lgpl-2.1-or-later", "lgpl-3.0-only", "lgpl-3.0-or-later", "mit", "mit-0", "mit-cmu",
    "mpl-2.0", "psf-2.0", "unlicense", "zlib", "zpl-2.1",
}  # fmt: skip
# words of metadata from before there were identifiers
_WORDS = (
    (r"Lesser General Public License|LGPL", "lgpl-3.0-or-later"),
    (r"Mozilla Public License 2", "mpl-2.0"),
    (r"Apache", "apache-2.0"),
    (r"MIT\b", "mit"),
    (r"BSD", "bsd-3-clause"),
    (r"Python Software Foundation|PSF", "psf-2.0"),
    (r"ISC\b", "isc"),
    (r"Repoze Public License|Zope", "zpl-2.1"),
)
# nothing in their metadata; read in the file LICENSE that they bring
READ = {"atheris": "apache-2.0", "axe-playwright-python": "mit"}
_SECONDS = 120


class Installed(NamedTuple):
    """A distribution of the environment; `licence`: an SPDX expression, empty where unknown."""

    name: str
    version: str
    licence: str


def canonical(name: str) -> str:
    """A name as indexes compare it.

    >>> canonical("Zope.Interface")
    'zope-interface'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """The versions of a file of constraints.

    >>> pins("# why\\nA_b==1.0\\n")
    {'a-b': '1.0'}
    """
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    pairs = (line.split("==", 1) for line in lines if line)
    return {canonical(name): version for name, version in pairs}


def installed() -> list[Installed]:
    """The environment that runs this, by name."""
    found = {
        canonical(one.metadata["Name"]): Installed(
            canonical(one.metadata["Name"]), one.version, licence(one.metadata)
        )
        for one in distributions()
    }
    return [found[name] for name in sorted(found)]


def licence(metadata: PackageMetadata) -> str:
    """The terms that a distribution names, as an SPDX expression; empty where it names none."""
    if read := READ.get(canonical(metadata["Name"])):
        return read
    if stated := _stated(metadata, "License-Expression"):
        return stated
    classifiers = [c for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    words = [c.rpartition(" :: ")[2] for c in classifiers if c != "License :: OSI Approved"]
    words = words or [_stated(metadata, "License").split("\n", 1)[0]]
    return " AND ".join(filter(None, map(_identifier, words)))


def _stated(metadata: PackageMetadata, name: str) -> str:
    return str(metadata[name]) if name in metadata else ""


def _identifier(words: str) -> str:
    for pattern, found in _WORDS:
        if re.search(pattern, words):
            return found
    return words.strip().replace(" ", "-")


def allowed(expression: str) -> bool:
    """Whether one of the alternatives of an expression is allowed in all its parts.

    >>> allowed("MIT AND (Apache-2.0 OR GPL-3.0-only)"), allowed("GPL-3.0-only"), allowed("")
    (True, False, False)
    """
    text = re.sub(r"\s+WITH\s+\S+", "", expression)
    tokens = re.findall(r"[()]|[^\s()]+", text)
    if not tokens:
        return False
    python = [
        token.lower() if token in ("AND", "OR", "(", ")") else str(token.lower() in ALLOWED)
        for token in tokens
    ]
    return _evaluate(python)


def _evaluate(tokens: list[str]) -> bool:
    """`or` of `and` of parts; a part in parentheses is one of these again."""

    def either() -> bool:
        value = both()
        while tokens and tokens[0] == "or":
            tokens.pop(0)
            value = both() or value
        return value

    def both() -> bool:
        value = part()
        while tokens and tokens[0] == "and":
            tokens.pop(0)
            value = part() and value
        return value

    def part() -> bool:
        token = tokens.pop(0) if tokens else "False"
        if token != "(":
            return token == "True"
        value = either()
        if tokens:
            tokens.pop(0)
        return value

    return either() and not tokens


def problems(pinned: Mapping[str, str], found: Iterable[Installed]) -> list[str]:
    """What is installed and not pinned, in another version, or under terms that are not allowed."""
    out = []
    for one in found:
        if one.name in OWN:
            continue
        if one.name not in pinned:
            out.append(f"{one.name} {one.version} is installed and not pinned")
        elif pinned[one.name] != one.version:
            out.append(f"{one.name} is {one.version}, pinned is {pinned[one.name]}")
        if not allowed(one.licence):
            out.append(f"{one.name}: terms that are not allowed: {one.licence or 'none stated'}")
    return out


def ask() -> str:
    """What pip-audit prints about the pinned versions: JSON where its service answered."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / "constraints.txt")]
    command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, "--timeout", "10"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def holes(printed: str) -> list[str] | None:
    """The known holes that pip-audit names; None where its service answered for none."""
    try:
        listed = json.loads(printed)["dependencies"]
        # it is said of each that it was skipped where the service knows nothing, as a mirror does
        if not any("vulns" in one for one in listed):
            return None
        return [
            f"{one['name']} {one['version']}: {hole['id']}, fixed in "
            f"{', '.join(hole['fix_versions']) or 'no version yet'}"
            for one in listed
            for hole in one.get("vulns", ())
        ]
    except (ValueError, KeyError, TypeError):
        return None


def main(asked: Callable[[], str] = ask) -> int:
    """Print what was found; 1 where something is wrong."""
    pinned, found = pins((ROOT / "constraints.txt").read_text(encoding="utf-8")), installed()
    wrong = problems(pinned, found)
    idle = sorted(pinned.keys() - {one.name for one in found})
    known = holes(asked())
    print(f"dependencies: {len(found)} installed, {len(pinned)} pinned; licences allowed or named")
    if idle:
        print(f"dependencies: pinned and not installed here: {', '.join(idle)}")
    if known is None:
        print("dependencies: known holes were NOT looked up: the service did not answer")
    else:
        print(f"dependencies: {len(known)} known holes")
    for line in (*wrong, *(known or ())):
        print(f"dependencies: {line}")
    return 1 if wrong or known else 0


if __name__ == "__main__":
    sys.exit(main())
