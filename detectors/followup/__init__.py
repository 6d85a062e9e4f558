"""Follow-up: what the records of a patient course amount to, one stream a file.

A stream is a pure step from state to state; a course is the fold of its records in order. Late,
repeated and corrected records are replayed, so the result never depends on their arrival.
"""

from __future__ import annotations

from detectors.followup import (
    cardiovascular,
    cognitive,
    dissociation,
    exposure,
    hepatic,
    misuse,
    mood,
    sedation,
    suicidality,
    urinary,
)
from detectors.followup.stream import Stream

STREAMS: tuple[Stream, ...] = (
    cardiovascular.STREAM,
    cognitive.STREAM,
    dissociation.STREAM,
    exposure.STREAM,
    hepatic.STREAM,
    misuse.STREAM,
    mood.STREAM,
    sedation.STREAM,
    suicidality.STREAM,
    urinary.STREAM,
)

__all__ = ["STREAMS", "Stream"]
