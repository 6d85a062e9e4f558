"""The acknowledgement of a batch of E2B(R3): what became of each of its messages.

A message is loaded (CA) or not (CR), with the data element at fault; a batch is AA where all are
loaded, AE where some are not, AR where it could not be read. Sender and receiver change places.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.errors import Fault, InputError
from schemas.formats.icsr import Null, Values, writing
from schemas.formats.icsr.message import places, read
from schemas.formats.icsr.moments import to_ts
from schemas.formats.messages import Messages, parse, parse_outside

_NAME = "ack"
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Told:
    """What the sender of a message is told: the bytes that were read for it, and its faults."""

    raw: bytes
    faults: tuple[Fault, ...] = ()


def acknowledge(content: bytes, told: Sequence[Told], *, number: str, created: str) -> bytes:
    """The acknowledgement of a batch, given all of its bytes and what was told of each message.

    `number` is that of the acknowledgement, `created` a moment to the second with its zone.
    """
    batch = _batch(content)
    loaded = sum(not one.faults for one in told)
    code, text = "AA", "all messages are loaded"
    if loaded < len(told):
        code, text = "AE", f"{len(told) - loaded} of {len(told)} messages are not loaded"
    if batch is None:
        code, text = "AR", "the batch could not be read to its end"
    stated = batch or {}
    moment = to_ts(created)
    values = {
        "ACK.M.1": number,
        "ACK.M.2": stated.get("N.1.4", Null("UNK")),
        "ACK.M.3": stated.get("N.1.3", Null("UNK")),
        "ACK.M.4": moment,
        "ACK.A.1": stated.get("N.1.2", Null("UNK")),
        "ACK.A.2": number,
        "ACK.A.3": stated.get("N.1.5", Null("UNK")),
        "ACK.A.4": code,
        "ACK.A.5": text,
    }
    replaced: Counter[str] = Counter()
    parts = [writing.head(_NAME, values, replaced)]
    for place, one in enumerate(told, 1):
        local = {"ACK.M.4": moment, "ACK.B.r.2": f"{number}-{place}"}
        parts.append(writing.message(_NAME, local | _of_message(one), replaced))
    return "".join([*parts, writing.tail(_NAME, values, replaced)]).encode()


def _of_message(told: Told) -> Values:
    element = parse(told.raw, Counter())
    read_ = places("e2b_r3", writing.NAMESPACE)[1]
    stated = {} if isinstance(element, Fault) else read(element, read_, Counter())
    said = "; ".join(f"{f.path or 'message'}: {f.code}: {f.message}" for f in told.faults)
    return {
        "ACK.B.r.1": stated.get("N.2.r.1", Null("UNK")),
        "ACK.B.r.3": stated.get("N.2.r.2", Null("UNK")),
        "ACK.B.r.4": stated.get("N.2.r.3", Null("UNK")),
        "ACK.B.r.5": stated.get("N.2.r.4", Null("UNK")),
        "ACK.B.r.6": "CR" if told.faults else "CA",
        "ACK.B.r.7": said[:_LONGEST] or "loaded",
    }


def _batch(content: bytes) -> Values | None:
    """What a batch says of itself, or None where it is none or breaks off."""
    try:
        messages = Messages(io.BytesIO(content), "PORR_IN04901[678]UV")
        for _ in messages:
            pass
        root = parse_outside(messages)
    except InputError:
        return None
    return read(root, places("e2b_r3", writing.NAMESPACE)[0], Counter())
