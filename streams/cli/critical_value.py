"""`ketavigil critical-value`: what a sequential test needs to signal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click


class _Looks(click.ParamType):
    """Numbers by commas."""

    name = "NUMBERS"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[float]:
        try:
            return [float(part) for part in value.split(",")]
        except ValueError:
            self.fail(f"{value!r} is no list of numbers by commas", param, ctx)


@click.command("critical-value")
@click.option("--model", type=click.Choice(["poisson", "binomial", "conditional"]), required=True)
@click.option(
    "--horizon",
    type=float,
    help="End of the test: expected events (poisson), events of both sides (binomial), events or"
    " person-time over the background's (conditional, see --stop). With --looks, the last of them.",
)
@click.option("--alpha", type=float, default=0.05, show_default=True, help="Type I error.")
@click.option("--min-events", type=int, default=1, show_default=True, help="Needed for a signal.")
@click.option("--ratio", type=float, help="Controls for each exposed (binomial).")
@click.option(
    "--looks",
    type=_Looks(),
    help="Look at these times only, in the unit of the horizon; without it, all the time.",
)
@click.option(
    "--background-events",
    type=int,
    help="Events that the background was counted from (conditional).",
)
@click.option(
    "--stop",
    type=click.Choice(["events", "exposure"]),
    help="What the horizon is a number of (conditional).  [default: events; exposure with --looks]",
)
@click.option(
    "--period",
    type=click.Choice(["fixed", "event"]),
    help="How the background's person-time ended (conditional): on a date, or with its last event,"
    " as Li and Kulldorff have it.  [default: fixed]",
)
def command(
    *,
    model: str,
    horizon: float | None,
    alpha: float,
    min_events: int,
    ratio: float | None,
    looks: list[float] | None,
    background_events: int | None,
    stop: str | None,
    period: str | None,
) -> None:
    """Print the critical value of maxSPRT and its exact type I error as JSON.

    A poisson or conditional test that looks all the time signals at the critical value or above.
    A binomial one, and any that looks at given times, signals only above it; its `boundary` is the
    smallest count that signals: after 1, 2, ... events (binomial, cases; null where none does), or
    at each look. Where no critical value has this alpha, it is null and `reason` says why.

    The conditional test is for a background that is itself a count: its error includes that the
    background is uncertain. With --period fixed it is that of a background of one event more in
    the same time, and at most alpha.
    """
    if (ratio is None) == (model == "binomial"):
        raise click.UsageError("--ratio belongs to --model binomial, which needs it")
    if (background_events is None) == (model == "conditional"):
        raise click.UsageError("--background-events belongs to --model conditional, which needs it")
    if model != "conditional" and (stop or period):
        raise click.UsageError("--stop and --period belong to --model conditional")
    if looks is not None and stop == "events":
        raise click.UsageError("looks of a conditional test are at person-times, not at events")
    if looks is not None and horizon not in (None, looks[-1]):
        raise click.UsageError("the last look is at the horizon")
    end = looks[-1] if looks else horizon
    if end is None:
        raise click.UsageError("--horizon or --looks is needed")
    if model == "binomial":
        out = _binomial(end, ratio or 0, alpha, min_events, looks)
    elif model == "conditional":
        of = {"stop": stop or "events", "period": period or "fixed"}
        out = _conditional(end, background_events or 0, alpha, min_events, looks, **of)
    else:
        out = _poisson(end, alpha, min_events, looks)
    click.echo(json.dumps(out))


def _poisson(
    horizon: float, alpha: float, min_events: int, looks: list[float] | None
) -> dict[str, Any]:
    from detectors.sequential import maxsprt_poisson

    if looks is None:
        return _printed(maxsprt_poisson.critical_value(horizon, alpha, min_events))
    limit, counts = maxsprt_poisson.critical_value_at_looks(looks, alpha, min_events)
    return _printed(limit, counts.tolist())


def _binomial(
    horizon: float, ratio: float, alpha: float, min_events: int, looks: list[float] | None
) -> dict[str, Any]:
    from detectors.sequential import maxsprt_binomial

    if not all(n.is_integer() for n in (horizon, *(looks or ()))):
        raise click.UsageError("horizon and looks of a binomial test are whole numbers of events")
    at = None if looks is None else [int(look) for look in looks]
    limit, cases = maxsprt_binomial.critical_value(int(horizon), ratio, alpha, min_events, at)
    boundary = [count if count <= n else None for n, count in enumerate(cases.tolist(), 1)]
    return _printed(limit, boundary)


def _conditional(
    horizon: float,
    counted: int,
    alpha: float,
    min_events: int,
    looks: list[float] | None,
    *,
    stop: str,
    period: str,
) -> dict[str, Any]:
    from detectors.sequential import maxsprt_conditional

    if looks is None:
        return _printed(
            maxsprt_conditional.critical_value(
                horizon, counted, alpha, min_events, stop=stop, period=period
            )
        )
    limit, counts = maxsprt_conditional.critical_value_at_looks(
        looks, counted, alpha, min_events, period=period
    )
    return _printed(limit, counts.tolist())


def _printed(limit: Any, boundary: Sequence[int | None] | None = None) -> dict[str, Any]:
    out = {"critical_value": limit.critical_value, "type1": limit.type1}
    if boundary is not None:
        out["boundary"] = boundary
    if limit.reason:
        out["reason"] = limit.reason
    return out
