"""Which models answer: what PENSTOCK_ROUTES says, or the variables that stand for it on one's own machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.errors import SettingsError
from penstock.targets.access import access_faults, access_warnings
from penstock.targets.routes import Routes, Target, parse_routes, single_route

DEFAULT_MODEL: Final = "gpt-5.4-nano"

#: How much of what should be a path is shown, in characters.
_SHOWN: Final = 120

_NO_MODEL: Final = (
    "No model is configured, so the offline provider answers: it is no model. "
    "Set OPENAI_API_KEY, or PENSTOCK_ROUTES, to ask one."
)


@dataclass(frozen=True, slots=True)
class Found:
    """The routes; what is wrong with them, and what the user should know although it is not wrong."""

    routes: Routes
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def routes_of(env: Mapping[str, str], *, in_cloud: bool) -> Found:
    """What `env` says; in place of routes that cannot be read, the offline provider."""
    text = env.get("PENSTOCK_ROUTES")
    try:
        found = Found(parse_routes(_text(text))) if text else _without(env, in_cloud=in_cloud)
    except SettingsError as error:
        return Found(offline(), tuple(error.faults))
    faults = [*_batch_faults(found.routes, env), *access_faults(found.routes, in_cloud=in_cloud)]
    return Found(found.routes, tuple(faults), (*found.warnings, *access_warnings(found.routes)))


def offline() -> Routes:
    """The provider that is no model."""
    return single_route(Target(name="offline", provider="offline", model="offline"), "default", "offline")


def _batch_faults(routes: Routes, env: Mapping[str, str]) -> list[str]:
    waiting = sorted(target.name for target in routes.targets.values() if target.lane == "batch")
    if not waiting or env.get("PENSTOCK_BATCHES_TOPIC"):
        return []
    return [
        f"PENSTOCK_ROUTES: target {waiting[0]!r} is in lane batch: set PENSTOCK_BATCHES_TOPIC too, the "
        "topic of batches (llm-batches), or say lane: sync."
    ]


def _text(value: str) -> str:
    if value.lstrip().startswith("{"):
        return value
    named = repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}…"
    try:
        return Path(value).read_text(encoding="utf-8-sig")
    except OSError as error:
        why = f"which cannot be read as a file ({error.strerror})"
    except UnicodeDecodeError as error:
        why = f"which is not UTF-8 text (byte {error.start}): save it as UTF-8"
    raise SettingsError([f"PENSTOCK_ROUTES names {named}, {why}."])


def _without(env: Mapping[str, str], *, in_cloud: bool) -> Found:
    """Without routes: one target, from the OpenAI variables, or the offline provider."""
    key, base_url = env.get("OPENAI_API_KEY"), env.get("OPENAI_BASE_URL")
    if in_cloud:
        raise SettingsError(["PENSTOCK_ROUTES is not set: in the cloud it says which models answer."])
    if not key and not base_url:
        return Found(offline(), warnings=(_NO_MODEL,))
    model = env.get("PENSTOCK_DEFAULT_MODEL")
    if base_url and not model:
        raise SettingsError(["With OPENAI_BASE_URL set, PENSTOCK_DEFAULT_MODEL must name the model."])
    model = model or DEFAULT_MODEL
    target = Target(name="openai", provider="openai", model=model, base_url=base_url)
    return Found(single_route(target, "default", model))
