"""The system that an operator's verb talks to: the local folder, the emulators, or a project in the cloud."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from penstock import bootstrap
from penstock.adapters.buses.local import LocalBus
from penstock.errors import BlobError, PublishFailed, StoreError
from penstock.money.pricing import PriceBook
from penstock.services import Services
from penstock.settings import Settings, embedded_folder, read_settings
from penstock.timing import Timing
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.proxies import unheeded

if TYPE_CHECKING:
    from penstock_ops.terminal.topology import Topology

#: What an operator's command does not use, but a function could not do without.
_UNUSED = {
    "PENSTOCK_ROUTES": json.dumps(
        {
            "default": "none",
            "routes": {"none": {"targets": [{"name": "n", "provider": "offline", "model": "n"}]}},
        }
    ),
    "PENSTOCK_BUCKET": "gs://bucket-not-set",
}
#: What says whom a function asks; an operator's command asks no model.
_MODELS = frozenset({"OPENAI_API_KEY", "OPENAI_BASE_URL", "PENSTOCK_DEFAULT_MODEL"})

#: What to do when a system does not answer.
_REMEDY = {
    "embedded": "Is the folder whole, and the disk not full?",
    "emulators": "Are the emulators up? `penstock dev --emulators` starts them.",
    "cloud": "Check the project's id, the network, and `gcloud auth application-default login`.",
}


@dataclass(frozen=True, slots=True)
class System:
    """Where requests go and results lie. `name` says it to a person."""

    name: str
    settings: Settings
    services: Services

    @property
    def folder(self) -> Path | None:
        """The local folder; None where Google's services or their emulators are used."""
        return self.settings.folder if self.settings.mode == "embedded" else None

    @property
    def local_bus(self) -> LocalBus | None:
        bus = self.services.bus
        return bus if isinstance(bus, LocalBus) else None


def local_folder(env: Mapping[str, str]) -> Path:
    """The folder of embedded mode: PENSTOCK_LOCAL, else the default. Raises SettingsError."""
    return embedded_folder(env)


def writable(folder: Path) -> Path:
    """`folder`, made if need be. Raises OperatorFault."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorFault(f"the folder {folder} cannot be made ({error.strerror}).") from None
    if not os.access(folder, os.W_OK):
        raise OperatorFault(f"the folder {folder} cannot be written to.")
    return folder


def is_local(env: Mapping[str, str]) -> bool:
    """Whether an operator's verb in this environment talks to the local folder."""
    elsewhere = ("GOOGLE_CLOUD_PROJECT", "PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST")
    return bool(env.get("PENSTOCK_LOCAL")) or not any(env.get(name) for name in elsewhere)


def operator_settings(env: Mapping[str, str]) -> Settings:
    """The settings for a verb that answers nothing itself: models and keys are not looked at.

    Raises SettingsError, OperatorFault.
    """
    given = {name: value for name, value in env.items() if value and name not in _MODELS}
    given["PENSTOCK_ROUTES"] = _UNUSED["PENSTOCK_ROUTES"]
    given.pop("PENSTOCK_BUDGETS", None)  # they may speak of targets of the routes
    if is_local(env):
        given["PENSTOCK_LOCAL"] = str(writable(local_folder(env)))
    elif "PUBSUB_EMULATOR_HOST" not in given:
        given.setdefault("PENSTOCK_BUCKET", _UNUSED["PENSTOCK_BUCKET"])
    return read_settings(given)


def stack_settings(env: Mapping[str, str]) -> Settings:
    """The settings for a stack that is about to be started, the price book's file read too.

    Raises SettingsError: better now than in a child's log.
    """
    settings = read_settings(env)
    PriceBook.load(settings.prices)
    asks = any(target.provider != "offline" for target in settings.routes.targets.values())
    warning = unheeded(env) if asks else ""
    return replace(settings, warnings=(*settings.warnings, warning)) if warning else settings


@asynccontextmanager
async def open_system(env: Mapping[str, str] = os.environ) -> AsyncIterator[System]:
    """The system that `env` means, its connections closed at the end.

    Raises SettingsError, and OperatorFault when the system does not answer.
    """
    settings = operator_settings(env)
    services = bootstrap.build(settings)
    system = System(_name(settings), settings, services)
    try:
        if system.local_bus is not None:
            await _have_topics(settings, system.local_bus)
        yield system
    except (StoreError, PublishFailed, BlobError) as error:
        raise OperatorFault(f"{system.name}: {str(error).rstrip('.')}. {_REMEDY[settings.mode]}") from error
    finally:
        await services.close()


def local_topology(settings: Settings) -> Topology:
    """The topics and subscriptions of an embedded system, every duration divided by its time scale."""
    # Pub/Sub's client comes with it: 0.2 s that most verbs need not spend.
    from penstock_ops.terminal.topology import Topology

    timing, normal = Timing().scaled(settings.time_scale), Topology()
    return Topology(
        request_topic=settings.request_topic,
        response_topic=settings.response_topic,
        dead_letter_topic=settings.dead_letter_topic,
        runs_topic=settings.runs_topic,
        internal_topic=settings.internal_topic,
        batches_topic=settings.batches_topic,
        callbacks_topic=settings.callbacks_topic,
        ack_deadline_s=timing.ack_deadline_s,
        min_backoff_s=(normal.min_backoff_s or 0) / settings.time_scale,
        max_backoff_s=normal.max_backoff_s / settings.time_scale,
    )


def _name(settings: Settings) -> str:
    match settings.mode:
        case "embedded":
            return f"local folder {settings.folder}"
        case "emulators":
            return f"project {settings.project} on the emulators at {settings.pubsub_emulator}"
    return f"project {settings.project}"


async def _have_topics(settings: Settings, bus: LocalBus) -> None:
    """A folder that no stack has served yet gets its topics; what is there already keeps its endpoints."""
    if not await bus.subscriptions():
        from penstock_ops.terminal.topology import create_local

        await create_local(local_topology(settings), bus, {})
