"""Put together what an operator works with beside an instance's services: the dead letters, and the console.

Like bootstrap, which it stands on, it knows the adapters; nothing of it is loaded by what handles deliveries.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractAsyncContextManager
from functools import partial

from penstock.bootstrap import instance
from penstock.console.desk import Desk
from penstock.console.who import Doorkeeper, at_this_machine, behind_iap, nobody
from penstock.ports import Waiting
from penstock.services import Services
from penstock.settings import Settings, read_settings
from penstock.variables import LOCAL

_desk: Desk | None = None


def waiting_letters(settings: Settings, s: Services) -> AbstractAsyncContextManager[Waiting]:
    """The dead letters, for a person to look at: whatever is not acked goes back."""
    name = s.topics.dead_letter_subscription
    if settings.mode == "embedded":
        from penstock.adapters.buses.local import LocalBus
        from penstock.adapters.buses.waiting_local import waiting_locally

        assert isinstance(s.bus, LocalBus)
        return waiting_locally(s.bus, name)
    from penstock.adapters.buses.waiting_pubsub import waiting_on_pubsub

    return waiting_on_pubsub(settings.project, name, settings.pubsub_emulator)


async def desk() -> Desk:
    """This process's console, made when it is first asked for."""
    global _desk
    if _desk is None:
        s, settings = await instance(), read_settings(os.environ)
        _desk = desk_of(settings, s)
    return _desk


def desk_of(settings: Settings, s: Services) -> Desk:
    """The console on `s`."""
    letters = partial(waiting_letters, settings, s)
    return Desk(s, letters, _doorkeeper(settings), runs=settings.runs_topic is not None)


def _doorkeeper(settings: Settings) -> Doorkeeper:
    if settings.console in (None, LOCAL):
        return nobody if settings.mode == "cloud" else at_this_machine
    from penstock.adapters.google.iap import IapKeeper

    given = json.loads(settings.console or "{}")
    return behind_iap(IapKeeper(given["audience"]).who, frozenset(given["operators"]))
