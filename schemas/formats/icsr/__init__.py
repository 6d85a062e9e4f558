"""The individual case safety report (ICSR) of ICH E2B, whatever it is written in.

`elements.tsv` is the table of data elements, `e2b_r3.outline` says where each stands in an E2B(R3)
message; both drive the reader, the writer and the checks. Between a message and a report stand
*values*: a dict from the number of a data element to its text, or to a `Null`, and from the name of
a repeating group to the list of its values. E2B(R2) and openFDA are read into the same values.
"""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]


class Null(str):
    """A value that is not given, and the flavour of why: NI, UNK, ASKU, NASK, NA, MSK."""

    __slots__ = ()
