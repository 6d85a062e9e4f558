"""`ketavigil simulate`: whole courses of simulated patients, and what is true of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import InputError
from streams.cli.options import as_json

if TYPE_CHECKING:
    from streams.simulate.cohort.truth import CohortTruth

_BAR_AFTER = 2.0  # seconds


@click.command(short_help="Simulated courses and reports, with planted harms, as NDJSON.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="NDJSON for `import`, packed if it ends in .gz; beside it FILE.truth.json.",
)
@click.option("--courses", default=1000, show_default=True, type=click.IntRange(1, 200_000))
@click.option(
    "--days", default=730, show_default=True, type=click.IntRange(1, 3650), help="Of the calendar."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
@click.option(
    "--end",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day of the calendar, not after yesterday.  [default: yesterday]",
)
@click.option(
    "--entry",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Courses begin evenly over this share of the days.",
)
@click.option(
    "--plant",
    multiple=True,
    metavar="NAME=STRENGTH",
    help="Harm to plant, may be repeated: cystitis, cognition, stimulant, misuse; weak, moderate, "
    "strong or a number.",
)
@click.option("--reports/--no-reports", default=True, show_default=True, help="Reports as well.")
@as_json
def command(
    *,
    out: Path,
    courses: int,
    days: int,
    seed: int,
    end: datetime | None,
    entry: float,
    plant: tuple[str, ...],
    reports: bool,
    as_json: bool,
) -> int:
    """Write whole courses of simulated patients, in the order in which clinics would send them.

    Induction and maintenance with esketamine, infusions, and ketamine at home, and courses of an
    antidepressant beside them; what is measured at doses and visits, what is handed out, exits,
    and what goes wrong on the way: late, corrected, void and repeated records. Nothing in it is
    real. Drawn from published figures where there are any; docs/simulation.md holds them beside
    each other. The same options give the same file.

    What was planted is written to FILE.truth.json and is not in the records. A harm is an
    invention, not a statement about a product.
    """
    from streams.simulate.cohort import file
    from streams.simulate.cohort.plan import Plan, plants

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    last = end.date() if end else yesterday
    if last > yesterday:
        raise InputError("future_date", f"--end {last} lies after yesterday, {yesterday}")
    plan = Plan(
        courses=courses,
        days=days,
        seed=seed,
        entry=entry,
        plants=plants(plant),
        prefix=f"S{seed}-",
    )
    bar = _Bar()
    try:
        truth = file.write(out, plan, last, with_reports=reports, progress=bar)
    finally:
        bar.close()
    print(json.dumps(_figures(out, truth)) if as_json else _text(out, truth))
    return 0


class _Bar:
    """A bar for each thing that is done, on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._doing = ""

    def __call__(self, doing: str, done: int, of: int) -> None:
        from tqdm import tqdm

        if doing != self._doing:
            self.close()
            # disable=None: only where standard error is a terminal
            self._bar = tqdm(desc=doing, total=of, delay=_BAR_AFTER, disable=None, leave=False)
            self._doing = doing
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _figures(out: Path, truth: CohortTruth) -> dict[str, Any]:
    return {
        "file": str(out),
        "truth": f"{out}.truth.json",
        "seed": truth.seed,
        "courses": truth.courses,
        "first_day": truth.first_day,
        "last_day": truth.last_day,
        "patient_years": truth.patient_years,
        "sessions": truth.sessions,
        "sent": truth.sent,
        "planted": {
            harm.name: {"strength": harm.strength, "struck": len(harm.struck)}
            for harm in truth.harms
            if harm.strength != harm.none
        },
    }


def _text(out: Path, truth: CohortTruth) -> str:
    figures = _figures(out, truth)
    lines = [
        f"{out}: {truth.courses} courses from {truth.first_day} to {truth.last_day}, "
        f"{truth.patient_years:.0f} patient-years, {truth.sessions} sessions",
        *(f"{what:<20}{n:>9}" for what, n in figures["sent"].items()),
        *(
            f"planted {name:<12}{one['struck']:>9} struck, strength {one['strength']:g}"
            for name, one in figures["planted"].items()
        ),
        f"the truth, for evaluation only: {figures['truth']}",
    ]
    return "\n".join(lines)
