"""The `ketavigil` command: one sub-command a file, imported only when it is asked for.

Exit status: 0 done, 1 a check failed, 2 bad usage or bad input, with the reason in one line on
standard error.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from schemas.errors import KetavigilError

COMMANDS = {
    "up": "Gateway, worker and board on this machine, with nothing else to install.",
    "demo": "`up` with simulated clinics that push reports, and planted signals to find.",
    "web": "The gateway and the board.",
    "worker": "The agents: intake, follow-up, detect.",
    "import": "Read files of reports through the same intake as the gateway.",
    "convert": "Reports of any format that is read, in any that is written.",
    "formats": "The formats that are read and written.",
    "detect": "Score a file of counts or reports, with no server.",
    "backtest": "The day on which each rule first held for a pair.",
    "critical-value": "The value that a maxSPRT test has to exceed.",
    "simulate": "Simulated courses and reports, with planted harms, as a file.",
    "report": "A signal report or a periodic one, and whether a given one is right.",
    "cases": "The case series of a signal, in any format that is written.",
    "verify": "Conservation, and rebuild equals live.",
    "rebuild": "Everything recomputed from the records as received, and compared.",
    "quarantine": "What was held back, and why; send it through again.",
    "erase": "A patient's records made unreadable, on request.",
    "retention": "What has been kept for its period goes.",
    "master-key": "The key under which all that is secret is kept: a new one.",
    "key": "Keys of the registries that push.",
    "user": "People who sign in to the board.",
    "trail": "Signed heads of the audit trail, to be kept elsewhere.",
    "bench": "Benchmarks, each a ratio against something in the same run.",
}


class _Lazy(click.Group):
    """A group that imports `streams.cli.NAME` only for the command that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        # `import` is a keyword, so no module can be called that
        module = "import_" if cmd_name == "import" else cmd_name.replace("-", "_")
        command: click.Command = importlib.import_module(f"streams.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # the summaries stand here, so that --help imports none of the commands
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ketavigil")
def ketavigil() -> None:
    """A live watch over the safety of ketamine therapy."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    >>> main(["--version"])  # doctest: +ELLIPSIS
    ketavigil, version ...
    0
    """
    try:
        result = ketavigil.main(
            args=None if arguments is None else list(arguments),
            prog_name="ketavigil",
            standalone_mode=False,
        )
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        print(f"ketavigil: {error.format_message()}", file=sys.stderr)
        return 2
    except KetavigilError as error:
        print(f"ketavigil: {error.code}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    return result if isinstance(result, int) else 0
