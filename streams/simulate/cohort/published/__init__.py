"""Simulated beside published: the table of docs/simulation.md, and the bounds that a test holds."""

from __future__ import annotations

from streams.simulate.cohort.published import esketamine, others
from streams.simulate.cohort.published.row import Row, Section

__all__ = ["Row", "Section", "page", "sections"]

_HEAD = """# Simulation

Made by `./dev docs`; do not edit. `ketavigil simulate` and `ketavigil demo` draw whole courses from
published figures. Beside each of them stands what a simulation with a fixed seed gives, from its
records wherever a record holds it, without anything missing, late or wrong. `tolerance` is what a
test holds it to: of a published count the exact 95 % limits, of a published range the range or
little more, else a share of the figure. A dash is shown and not held: those figures come from other
trials than the totals beside them, and both cannot hold at once.

Definitions differ between sources and are not mixed: a rise measured at a trial's visits, an event
on a programme's form and an event that somebody reports are three things. Figures for which no
source was found are marked "ours" in `streams/simulate/cohort/figures.toml` and are not in this
table. What is planted (`streams/simulate/cohort/harms.toml`) is an invention.
"""


def sections() -> list[Section]:
    """Every section, from fixed seeds."""
    return [*esketamine.sections(), *others.sections()]


def page(found: list[Section]) -> str:
    """The page, as Markdown."""
    lines = [_HEAD]
    for section in found:
        lines += [f"## {section.title}", ""]
        lines += [
            "| figure | published | simulated | tolerance | source |",
            "|---|---|---|---|---|",
        ]
        for row in section.rows:
            bounds = "-"
            if row.bounds:
                bounds = " to ".join(f"{bound:.{row.digits}f}" for bound in row.bounds)
            lines.append(
                f"| {row.what} | {row.published} | {row.simulated:.{row.digits}f} | {bounds} "
                f"| {row.source} |"
            )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
