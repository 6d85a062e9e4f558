"""`python -m streams` is the `ketavigil` command."""

import sys

from streams.cli import main

sys.exit(main())
