"""Import: files of records through the log, as the gateway takes what is pushed."""

from __future__ import annotations

from streams.importing.outcome import DISPOSITIONS, Outcome
from streams.importing.running import FileRead, Import, import_files
from streams.importing.sending import Place, Sending

__all__ = ["DISPOSITIONS", "FileRead", "Import", "Outcome", "Place", "Sending", "import_files"]
