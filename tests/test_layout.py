"""The project's shape: imports go one way, names are its own, no machine's paths are in it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "detectors", "streams", "dashboards")
COMPOSITION = "streams/cli/"
# what the web process is put together from, beside the store's read side
_WEB = {
    "dashboards/web.py": (
        "streams.agents.replay",
        "streams.gateway",
        "streams.master_key",
        "streams.sealing",
        "streams.signing",
    ),
    "dashboards/demo.py": ("streams.simulate.truth",),
}
# of the log only its ends, for what is in flight; of the agents what a deployment counts by
_READ_SIDE = ("streams.store", "streams.settings", "streams.log", "streams.agents.configuration")
_TEXT = {".py", ".toml", ".txt", ".md", ".yml", ".yaml", ".json", ".html", ".css", ".js", ".sh", ""}


def _modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _allowed(path: str, imported: str) -> bool:
    package, target = path.split("/", maxsplit=1)[0], imported.split(".", maxsplit=1)[0]
    if target not in PACKAGES or target == package or path.startswith(COMPOSITION):
        return True
    if package == "dashboards" and target == "streams":
        allowed = _READ_SIDE + _WEB.get(path, ())
        return any(f"{imported}.".startswith(f"{name}.") for name in allowed)
    return PACKAGES.index(target) < PACKAGES.index(package)


def test_imports_go_one_way() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {imported}"
        for path in _modules()
        for imported in _imports(path)
        if not _allowed(path.relative_to(ROOT).as_posix(), imported)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("path", "imported", "allowed"),
    [
        ("schemas/report.py", "detectors.rules", False),
        ("detectors/rules.py", "schemas.errors.InputError", True),
        ("detectors/rules.py", "streams.settings", False),
        ("streams/app.py", "dashboards.web", False),
        ("streams/cli/web.py", "dashboards.web", True),
        ("dashboards/metrics.py", "streams.store.tables", True),
        ("dashboards/metrics.py", "streams.agents.detector", False),
        ("dashboards/metrics.py", "streams.storehouse", False),
    ],
)
def test_the_check_of_imports_can_fail(path: str, imported: str, allowed: bool) -> None:
    assert _allowed(path, imported) is allowed


def test_detectors_see_no_clock_no_queue_and_no_files() -> None:
    forbidden = {"time", "asyncio", "faust", "kafka", "sqlalchemy", "prometheus_client", "socket"}
    wrong = [
        f"{path.name} imports {imported}"
        for path in (ROOT / "detectors").rglob("*.py")
        for imported in _imports(path)
        if imported.split(".")[0] in forbidden
    ]
    assert not wrong


def test_the_distribution_owns_its_names() -> None:
    owners = packages_distributions()
    for package in PACKAGES:
        assert set(owners.get(package, ["ketavigil"])) == {"ketavigil"}


def test_the_version_of_every_requirement_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;@/]+", line)] == []


def _committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


# written so that this file does not hold what it looks for
_MACHINE = re.compile(
    r"/(?:wor[k]|far[m]|roo[t]|hom[e]/[a-z]+)/|file:/{2}/|(?:extra-|-)inde[x]-url|--find-link[s]"
    r"|/Users/[a-z]+/|[a-z]+://[^\s/]*/(?:simple|pypi|repository)/"
)


def test_no_path_of_a_machine_and_no_registry_address_is_in_the_repository() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in _committed()
        if path.is_file() and path.suffix in _TEXT
        for found in _MACHINE.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not wrong


@pytest.mark.parametrize(
    "text", ["/wor" + "k/x", "file:" + "///x", "--index" + "-url x", "https://x.y/simpl" + "e/z"]
)
def test_the_check_of_paths_can_fail(text: str) -> None:
    assert _MACHINE.search(text)


def test_dev_needs_nothing_but_python() -> None:
    tree = ast.parse((ROOT / "dev").read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
        )
    }
    assert imported <= sys.stdlib_module_names
    assert os.access(ROOT / "dev", os.X_OK)


def test_dev_refuses_an_unknown_command_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(ROOT / "dev"), "nonsense"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "dev: there is no command nonsense; ./dev --help lists them\n"


def test_what_is_read_in_parts_says_so_itself_and_not_to_its_connection() -> None:
    """Options of a connection stay on it: what PostgreSQL is asked next would be a cursor, too."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in _modules()
        if re.search(r"connection\.execution_options\(yield_per", path.read_text(encoding="utf-8"))
    ]
    assert wrong == []
