"""Put one instance together: the only place that builds adapters.

Adapters are imported here when they are needed: a heavy SDK that a request does not use costs no cold start.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

from penstock import log
from penstock.adapters.providers.key import Key
from penstock.clock import SystemClock
from penstock.errors import SettingsError
from penstock.money.pricing import PriceBook
from penstock.outlet import Answered, Outlet, Secret
from penstock.ports import Blobs, Bus, Clock, Collector, Provider, Store
from penstock.requests.seams import Seam, seams_of
from penstock.services import Services, Topics
from penstock.settings import Settings, read_settings
from penstock.targets.gate import gates
from penstock.targets.routes import Target
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
    _check_prices(targets, prices)
    return Services(
        store=_store(settings, clock),
        bus=_bus(settings, clock),
        blobs=_blobs(settings),
        clock=clock,
        topics=_topics(settings),
        routes=routes,
        prices=prices,
        timing=timing,
        providers=_Providers(targets, settings),
        gates=gates(routes, clock, timing),
        seams=tuple(_seams(settings)),
        rooms=tuple(_rooms(settings)),
        feeds=settings.feeds,
        outlet=_outlet(settings),
        signing=_signing(settings),
        workflows=settings.workflows,
    )


def _topics(settings: Settings) -> Topics:
    topics = Topics(settings.request_topic, settings.response_topic, settings.dead_letter_topic)
    if settings.runs_topic is not None:
        topics = replace(topics, runs=settings.runs_topic, internal=settings.internal_topic)
    if settings.callbacks_topic is not None:
        topics = replace(topics, callbacks=settings.callbacks_topic)
    return topics


def _rooms(settings: Settings) -> Iterator[Any]:
    """The rooms that are switched on, for the sweeper."""
    if settings.runs_topic is not None:
        from penstock.runs.room import Runs

        yield Runs()
    if settings.callbacks_topic is not None:
        from penstock.callbacks.room import CallbacksRoom

        yield CallbacksRoom()


def _seams(settings: Settings) -> Iterator[Seam]:
    """What the rooms that are switched on add to a request's life."""
    if any(route.choose == "cheapest" for route in settings.routes.routes.values()):
        from penstock.lanes.seam import Lanes

        yield Lanes(settings.routes)
    if settings.runs_topic is not None:
        from penstock.runs.seam import Members

        yield Members()
    if settings.callbacks_topic is not None:
        from penstock.callbacks.seam import Callbacks

        yield Callbacks()
    if settings.door is not None:
        from penstock.door.seam import Door

        yield Door(keys=settings.door == "keys")
    if settings.console is not None:
        from penstock.pulse.seam import Pulse

        yield Pulse()
    if settings.traces is not None:
        from penstock.traces.sampling import Sampling
        from penstock.traces.seam import Traces

        _check_exporter()
        sampling = Sampling(settings.traces_share, settings.traces_slow_s / settings.time_scale)
        yield Traces(sampling, partial(_collector, settings.traces, settings.project))


def _check_exporter() -> None:
    """A collector is named: what sends to it must be there, and is not loaded yet."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise SettingsError(
            [
                "PENSTOCK_TRACES is set, and what sends traces is not installed: "
                "pip install 'penstock[traces]', or set it to off."
            ]
        )


def _collector(endpoint: str, project: str) -> Collector:
    from penstock.adapters.traces.collector import Exporter, ThreadedCollector

    def make_exporter() -> Exporter:
        from penstock.adapters.traces.otlp import OtlpExporter

        return OtlpExporter(endpoint, project)

    return ThreadedCollector(make_exporter)


def _check_prices(targets: Mapping[str, Target], prices: PriceBook) -> None:
    """A price that is asked for by name must be in the book; one that is only looked up may be unknown."""
    unknown = [
        f"PENSTOCK_ROUTES: target {target.name!r} names a price that the price book does not have: leave it "
        f"out (the cost is then null), or write one of {', '.join(sorted(prices.models))}."
        for target in targets.values()
        if target.price is not None and prices.model(target.price) is None
    ]
    if unknown:
        raise SettingsError(unknown)


def _store(settings: Settings, clock: Clock) -> Store:
    if settings.mode == "embedded":
        from penstock.adapters.stores.sqlite import SqliteStore

        return SqliteStore(settings.folder, clock)
    from penstock.adapters.stores.firestore import FirestoreStore

    return FirestoreStore(settings.project, settings.database, emulator_host=settings.firestore_emulator)


def _bus(settings: Settings, clock: Clock) -> Bus:
    if settings.mode == "embedded":
        from penstock.adapters.buses.local import LocalBus

        return LocalBus(settings.folder, clock)
    from penstock.adapters.buses.pubsub import PubSubBus

    return PubSubBus(settings.project, emulator_host=settings.pubsub_emulator)


def _blobs(settings: Settings) -> Blobs:
    if settings.bucket.startswith("gs://"):
        from penstock.adapters.blobs.gcs import BucketBlobs

        return BucketBlobs(settings.bucket.removeprefix("gs://").rstrip("/"), project=settings.project)
    from penstock.adapters.blobs.folder import FolderBlobs

    return FolderBlobs(Path(settings.bucket))


class _Outlet:
    """The Outlet port, built when it is first used: only the courier ever does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._built: Outlet | None = None

    async def post(self, url: str, data: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Answered:
        return await self._outlet().post(url, data, headers, timeout_s=timeout_s)

    async def answer(self, url: str, data: bytes, *, timeout_s: float) -> Answered:
        return await self._outlet().answer(url, data, timeout_s=timeout_s)

    async def close(self) -> None:
        if self._built is not None:
            await self._built.close()

    def _outlet(self) -> Outlet:
        if self._built is None:
            from penstock.adapters.outlet.http import HttpOutlet
            from penstock.adapters.providers.access_token import AccessTokenKey

            token = AccessTokenKey("https://workflowexecutions.googleapis.com/v1")
            self._built = HttpOutlet(
                loopback=self._settings.mode != "cloud", token=token if self._settings.workflows else None
            )
        return self._built


def _outlet(settings: Settings) -> Outlet | None:
    return None if settings.callbacks_topic is None else _Outlet(settings)


def _signing(settings: Settings) -> Secret | None:
    """What makes the endpoints' keys: in the cloud the courier alone may read it, and the operators."""
    if settings.callbacks_topic is None:
        return None
    if settings.callbacks_secret is not None:
        from penstock.adapters.providers.keys import SecretManagerKey

        return SecretManagerKey(settings.callbacks_secret)
    from penstock.adapters.outlet.local_secret import LocalSecret

    beside = settings.folder if settings.mode == "embedded" else Path(settings.bucket).parent
    return LocalSecret(beside / "callbacks.secret")


class _Providers(Mapping[str, Provider]):
    """One provider per target, built when it is first asked: a cache hit never imports an SDK."""

    def __init__(self, targets: Mapping[str, Target], settings: Settings) -> None:
        self._targets = targets
        self._settings = settings
        self._built: dict[str, Provider] = {}

    def __getitem__(self, name: str) -> Provider:
        if name not in self._built:
            self._built[name] = _provider(self._targets[name], self._settings)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        """Only those that were built: what has to be closed."""
        return iter(list(self._built))

    def __len__(self) -> int:
        return len(self._built)


def _provider(target: Target, settings: Settings) -> Provider:
    match target.provider:
        case "offline":
            from penstock.adapters.providers.offline import OfflineProvider

            return OfflineProvider()
        case "openai":
            from penstock.adapters.providers.openai import OpenAIProvider

            return OpenAIProvider(
                model=target.model,
                base_url=target.base_url,
                key=_key(target, settings),
                max_tokens_as=target.max_tokens_as,
                service_tier=target.service_tier,
            )
        case "tgi":
            from penstock.adapters.providers.tgi import TgiProvider

            return TgiProvider(model=target.model, base_url=target.base_url or "", key=_key(target, settings))


def _key(target: Target, settings: Settings) -> Key | None:
    if target.auth == "id_token":
        from penstock.adapters.providers.id_token import IdTokenKey

        return IdTokenKey(target.base_url or "")
    if target.auth == "access_token":
        from penstock.adapters.providers.access_token import AccessTokenKey

        return AccessTokenKey(target.base_url or "", in_cloud=settings.mode == "cloud")
    if target.secret:
        from penstock.adapters.providers.keys import SecretManagerKey

        return SecretManagerKey(target.secret)
    # The environment's key belongs to one address, and goes to no other server.
    ours = target.provider == "openai" and target.base_url == settings.openai_base_url
    if not (ours and settings.openai_api_key):
        return None
    from penstock.adapters.providers.keys import PlainKey

    return PlainKey(settings.openai_api_key)


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
