"""The quality suite: row rules hold single records, batch rules flag a sender's data."""

from schemas.quality.senders import Row
from schemas.quality.suite import BatchFinding, QualityResult, QualitySuite

__all__ = ["BatchFinding", "QualityResult", "QualitySuite", "Row"]
