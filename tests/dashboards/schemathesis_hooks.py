"""What schemathesis cannot know of the gateway; its command loads this by name."""

from __future__ import annotations

import json
from typing import Any

import schemathesis

from streams.gateway.openapi import RULES

SENDER = "clinic-a"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """What is to be taken comes from the sender that the key belongs to."""
    if case.meta is None or case.meta.generation.mode.name != "POSITIVE":
        return
    for record in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(record, dict):
            for name in {"sender", "registry"} & set(record):
                record[name] = SENDER


@schemathesis.check
def fits_and_is_taken(context: Any, response: Any, case: Any) -> None:
    """A record that fits the document is refused by a rule that the document names, or not."""
    positive = case.meta is not None and case.meta.generation.mode.name == "POSITIVE"
    if not positive or response.status_code != 422 or case.media_type != "application/json":
        return
    records = json.loads(response.content)["records"]
    found = {error["code"] for record in records for error in record["errors"]}
    assert found <= set(RULES) - {"another_sender"}, f"refused by {sorted(found)}"
