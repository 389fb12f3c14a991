"""Notices when the machine itself stands in the way: a store that answers late is a fault like any other."""

from __future__ import annotations

import asyncio
import time

from penstock.errors import StoreError
from penstock.ports import Store
from tests.chaos.processes.strikes import EVERYBODY, Blow, Strikes

_EVERY_S = 0.1


async def watch_machine(store: Store, strikes: Strikes, limit_s: float) -> None:
    """Read a document again and again; whatever takes longer than `limit_s` is a strike against everybody."""
    while True:
        started = time.time()
        try:
            await asyncio.sleep(_EVERY_S)
            await store.read(["tenants/nobody"], timeout_s=30)
        except StoreError:
            pass
        if time.time() - started > _EVERY_S + limit_s:
            strike = strikes.begin(Blow.BUSY, EVERYBODY)
            strike.started_at = started
            strikes.end(strike)
