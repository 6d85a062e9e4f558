"""Names: what a product, event term or route is called here, and what is watched.

The data stand in `data/*.toml`; a user's own file adds to them (`Vocabulary.load(extra)`).
"""

from schemas.vocabulary.listed import Listed
from schemas.vocabulary.vocabulary import Coded, Vocabulary
from schemas.vocabulary.watchlist import Watchlist, designated_events

__all__ = ["Coded", "Listed", "Vocabulary", "Watchlist", "designated_events"]
