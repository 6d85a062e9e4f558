"""How Faust comes back after an assignment, made to wait as long as that takes."""

from __future__ import annotations

from typing import Any

from faust.tables import recovery
from faust.tables.manager import TableManager as Manager


class Recovery(recovery.Recovery):
    """Faust's, without its bound on each step, which is `broker_request_timeout`.

    mode takes a wait that ends by its bound for the end of the service: the app would never take
    a message again, and say nothing (seen: while brokers were away at its start). A detector that
    counts a large store, which is a part of such a step, takes longer than that, too. Each call of
    the log has a bound of its own, which raises.
    """

    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        await super()._wait(coro)


class TableManager(Manager):
    """Faust's, with that recovery."""

    _recovery: Recovery | None

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
