"""Write the dashboards into a folder: `python -m dashboards.grafana FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from dashboards.grafana import pipeline, safety, signal
from dashboards.grafana.panels import as_json


def pages() -> dict[str, str]:
    """Each dashboard as JSON, by the name of its file."""
    return {f"{one.UID}.json": as_json(one.dashboard()) for one in (safety, signal, pipeline)}


if __name__ == "__main__":
    for name, text in pages().items():
        (Path(sys.argv[1]) / name).write_text(text, encoding="utf-8")
