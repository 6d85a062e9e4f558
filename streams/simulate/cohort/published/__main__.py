"""`python -m streams.simulate.cohort.published docs/simulation.md` writes the page again."""

from __future__ import annotations

import sys
from pathlib import Path

from streams.simulate.cohort.published import page, sections

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(sections()), encoding="utf-8")
