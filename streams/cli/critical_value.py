"""`ketavigil critical-value`: what a sequential test needs to signal."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("critical-value")
@click.option("--model", type=click.Choice(["poisson", "binomial"]), required=True)
@click.option(
    "--horizon",
    type=float,
    required=True,
    help="End of the test: expected events (poisson) or events in all (binomial).",
)
@click.option("--alpha", type=float, default=0.05, show_default=True, help="Type I error.")
@click.option("--min-events", type=int, default=1, show_default=True, help="Needed for a signal.")
@click.option("--ratio", type=float, help="Controls for each exposed (binomial).")
def command(
    *, model: str, horizon: float, alpha: float, min_events: int, ratio: float | None
) -> None:
    """Print the critical value of maxSPRT and its exact type I error as JSON.

    A poisson test signals at the critical value or above. A binomial one signals only above it;
    its `boundary` is the smallest count of cases that signals after 1, 2, ... events, null where
    none does. Where no critical value has this alpha, it is null and `reason` says why.
    """
    from detectors.sequential import maxsprt_binomial, maxsprt_poisson

    out: dict[str, Any]
    if model == "poisson":
        if ratio is not None:
            raise click.UsageError("--ratio belongs to --model binomial")
        limit = maxsprt_poisson.critical_value(horizon, alpha, min_events)
        out = {"critical_value": limit.critical_value, "type1": limit.type1}
    else:
        if ratio is None:
            raise click.UsageError("--model binomial needs --ratio")
        if not horizon.is_integer():
            raise click.UsageError("the horizon of a binomial test is a whole number of events")
        limit, cases = maxsprt_binomial.critical_value(int(horizon), ratio, alpha, min_events)
        out = {
            "critical_value": limit.critical_value,
            "type1": limit.type1,
            "boundary": [
                count if count <= n else None for n, count in enumerate(cases.tolist(), 1)
            ],
        }
    if limit.reason:
        out["reason"] = limit.reason
    click.echo(json.dumps(out))
