"""The follow-up agent: follow-up records from the log into the store.

Until the detectors of courses come, it takes records exactly as intake takes reports: versions,
duplicates, quarantine, position.
"""

from __future__ import annotations

from streams.agents.intake import register

__all__ = ["register"]
