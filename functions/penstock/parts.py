"""The adapters of one instance, as its settings choose them.

They are imported here when they are needed: a heavy SDK that a request does not use costs no cold start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from penstock.adapters.providers.key import Key
from penstock.later import Later
from penstock.outlet import Answered, Outlet, Secret
from penstock.ports import Blobs, Bus, Clock, Embedder, Provider, Store
from penstock.runner import Runner
from penstock.settings import Settings
from penstock.targets.routes import Routes, Target
from penstock.targets.similarity import LOCAL, Similar


def store_of(settings: Settings, clock: Clock) -> Store:
    if settings.mode == "embedded":
        from penstock.adapters.stores.sqlite import SqliteStore

        return SqliteStore(settings.folder, clock)
    from penstock.adapters.stores.firestore import FirestoreStore

    return FirestoreStore(settings.project, settings.database, emulator_host=settings.firestore_emulator)


def bus_of(settings: Settings, clock: Clock) -> Bus:
    if settings.mode == "embedded":
        from penstock.adapters.buses.local import LocalBus

        return LocalBus(settings.folder, clock)
    from penstock.adapters.buses.pubsub import PubSubBus

    return PubSubBus(settings.project, emulator_host=settings.pubsub_emulator)


def blobs_of(settings: Settings) -> Blobs:
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


def outlet_of(settings: Settings) -> Outlet | None:
    return None if settings.callbacks_topic is None else _Outlet(settings)


def signing_of(settings: Settings) -> Secret | None:
    """What makes the endpoints' keys: in the cloud the courier alone may read it, and the operators."""
    if settings.callbacks_topic is None:
        return None
    if settings.callbacks_secret is not None:
        from penstock.adapters.providers.keys import SecretManagerKey

        return SecretManagerKey(settings.callbacks_secret)
    from penstock.adapters.outlet.local_secret import LocalSecret

    beside = settings.folder if settings.mode == "embedded" else Path(settings.bucket).parent
    return LocalSecret(beside / "callbacks.secret")


class Providers(Mapping[str, Provider]):
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


class Runners(Mapping[str, Runner]):
    """The same of the targets whose lane is batch."""

    def __init__(self, targets: Mapping[str, Target], settings: Settings) -> None:
        self._targets = targets
        self._settings = settings
        self._built: dict[str, Runner] = {}

    def __getitem__(self, name: str) -> Runner:
        if name not in self._built:
            self._built[name] = _runner(self._targets[name], self._settings)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._built))

    def __len__(self) -> int:
        return len(self._built)


class Laters(Mapping[str, Later]):
    """The same of the targets whose lane is background."""

    def __init__(self, targets: Mapping[str, Target], settings: Settings) -> None:
        self._targets = targets
        self._settings = settings
        self._built: dict[str, Later] = {}

    def __getitem__(self, name: str) -> Later:
        if name not in self._built:
            from penstock.adapters.providers.responses import ResponsesProvider

            target = self._targets[name]
            self._built[name] = ResponsesProvider(
                target.model, target.base_url, _key(target, self._settings), service_tier=target.service_tier,
                window=target.window,
            )  # fmt: skip
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._built))

    def __len__(self) -> int:
        return len(self._built)


class Embedders(Mapping[str, Embedder]):
    """The embedders of the routes that have similar answers, each built when a text is first embedded."""

    def __init__(self, routes: Routes, settings: Settings) -> None:
        self._routes = routes
        self._settings = settings
        self._built: dict[str, Embedder] = {}

    def __getitem__(self, name: str) -> Embedder:
        if name not in self._built:
            self._built[name] = self._embedder(name)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._built))

    def __len__(self) -> int:
        return len(self._built)

    def _embedder(self, name: str) -> Embedder:
        if name == LOCAL:
            from penstock.adapters.embedders.local import LocalEmbedder

            return LocalEmbedder()
        from penstock.adapters.embedders.openai import OpenAIEmbedder

        target, similar = self._routes.targets[name], self._asked_by(name)
        return OpenAIEmbedder(
            target.model, base_url=target.base_url, key=_key(target, self._settings),
            dimension=similar.numbers, shortened=similar.dimension is not None,
        )  # fmt: skip

    def _asked_by(self, name: str) -> Similar:
        settings = (route.similar for route in self._routes.routes.values())
        return next(similar for similar in settings if similar is not None and similar.embedder == name)


def _runner(target: Target, settings: Settings) -> Runner:
    if target.runner == "job":
        from penstock.adapters.runners.jobs import job_runner

        return job_runner(target)
    from penstock.adapters.runners.openai import OpenAIRunner

    return OpenAIRunner(target.model, target.base_url, _key(target, settings), target.max_tokens_as)


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
                tells_limits=settings.limits is not None,
                prompt_cache=bool(target.prompt_cache),
                logprobs=bool(target.logprobs),
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
