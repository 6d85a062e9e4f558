"""Great Expectations at work: a frame and rules in, the rows that each rule names out."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

PLACE = "place"
_FORM = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": [PLACE],
    "return_unexpected_index_query": False,
}
_one_at_a_time = threading.Lock()


@cache
def _batches() -> Any:
    # it would report its use over the network otherwise
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # it logs tracebacks with values of the frame; what raises is reported by its rule instead
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_pandas("batches")
    return source.add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")


def between(column: str, least: float | None, most: float | None) -> Any:
    """The expectation that every value of a column lies within limits, both included."""
    _batches()
    import great_expectations as gx

    return gx.expectations.ExpectColumnValuesToBeBetween(
        column=column, min_value=least, max_value=most
    )


def suite(rules: Mapping[str, Any]) -> Any:
    """A suite of expectations, each under the name of its rule."""
    _batches()
    import great_expectations as gx

    named = [
        expectation.copy(update={"id": None, "meta": {"rule": rule}})
        for rule, expectation in rules.items()
    ]
    return gx.ExpectationSuite(name="+".join(rules), expectations=named)


def judge(frame: Any, rules: Any) -> dict[str, list[int] | None]:
    """The places that each rule of a suite objects to; None where it raised or named no rows.

    A rule that fails on a frame of one row has named it.
    """
    with _one_at_a_time:
        batch = _batches().get_batch(batch_parameters={"dataframe": frame})
        outcome = batch.validate(rules, result_format=_FORM)
    verdicts: dict[str, list[int] | None] = {
        expectation.meta["rule"]: None for expectation in rules.expectations
    }
    for result in outcome.results:
        rule = result.expectation_config.meta["rule"]
        verdicts[rule] = _places(result, frame)
    return verdicts


def _places(result: Any, frame: Any) -> list[int] | None:
    if not _ran(result.exception_info):
        return None
    if result.success:
        return []
    named = result.result.get("unexpected_index_list") or []
    if named and len(named) == result.result["unexpected_count"]:
        return [int(row[PLACE]) for row in named]
    return [int(frame[PLACE].iloc[0])] if len(frame) == 1 else None


def _ran(info: Mapping[str, Any]) -> bool:
    """Whether an expectation ran to its end: its report is flat, or one entry a metric."""
    if "raised_exception" in info:
        return not info["raised_exception"]
    return not any(entry["raised_exception"] for entry in info.values())
