"""Which program made a report, of which moment, with which configuration."""

from __future__ import annotations

from importlib.metadata import version

from dashboards.reports.model import Origin
from dashboards.reports.moment import AsOf, utc
from dashboards.reports.setting import Setting

PROGRAM = "ketavigil"


def origin(as_of: AsOf, setting: Setting) -> Origin:
    """The origin of a report of a moment."""
    return Origin(
        program=PROGRAM,
        program_version=version(PROGRAM),
        position=as_of.position,
        data_lock_point=utc(as_of.at),
        sequence=as_of.sequence,
        trail=as_of.trail,
        changes=as_of.changes,
        checkpoint=as_of.checkpoint,
        checkpoints=as_of.checkpoints,
        configuration=setting.digest,
        configuration_then=as_of.configuration,
    )
