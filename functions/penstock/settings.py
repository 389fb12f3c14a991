"""The settings: the only place that reads the environment (docs/design.md §2.6).

`SETTINGS` names every variable and where it belongs. Terraform sets exactly the cloud ones; a test compares.
A wrong environment stops the start with one message that names every fault.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from penstock.errors import SettingsError
from penstock.money.limit_faults import parse_limits
from penstock.money.limits import Limit
from penstock.targets.access import access_faults, access_warnings
from penstock.targets.address import address_fault
from penstock.targets.pace import Pace
from penstock.targets.pace_faults import parse_paces
from penstock.targets.pasted import without_keys
from penstock.targets.routes import Routes, Target, parse_routes, single_route
from penstock.written import (
    bills_fault,
    console_fault,
    host_fault,
    key_fault,
    model_fault,
    project_fault,
    projects_fault,
    secret_fault,
    spoilt,
    topic_fault,
)

Where = Literal["cloud", "local"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: where it is meant to be set, and what it says."""

    env: str
    where: Where
    meaning: str


SETTINGS: Final = (
    Setting("GOOGLE_CLOUD_PROJECT", "cloud", "the project; needed unless embedded"),
    Setting("PENSTOCK_REQUEST_TOPIC", "cloud", "topic of requests, wakes and redrives"),
    Setting("PENSTOCK_RESPONSE_TOPIC", "cloud", "topic of results"),
    Setting("PENSTOCK_DEAD_LETTER_TOPIC", "cloud", "topic of dead letters"),
    Setting("PENSTOCK_RUNS_TOPIC", "cloud", "topic of runs; set: runs are switched on"),
    Setting("PENSTOCK_INTERNAL_TOPIC", "cloud", "topic of the results that runs ask for themselves"),
    Setting("PENSTOCK_BATCHES_TOPIC", "cloud", "topic of batches; needed where a lane is batch"),
    Setting(
        "PENSTOCK_FEEDS", "cloud", "the feeds that feed_reader asks about: urls, tenant, pipeline, as JSON"
    ),
    Setting("PENSTOCK_BILLS", "cloud", "the accounts at providers whose bills are compared, as JSON"),
    Setting("PENSTOCK_CALLBACKS_TOPIC", "cloud", "topic of callbacks; set: callbacks are switched on"),
    Setting("PENSTOCK_CALLBACKS_SIGNED_BY", "cloud", "the secret that makes endpoints' keys, by its name"),
    Setting("PENSTOCK_WORKFLOWS", "cloud", "projects whose Workflows are answered; off: none"),
    Setting("PENSTOCK_DATABASE", "cloud", "Firestore database"),
    Setting("PENSTOCK_BUCKET", "cloud", "gs://… for long payloads and completions; locally a folder"),
    Setting("PENSTOCK_ROUTES", "cloud", "the routes: a file's path, or the JSON itself"),
    Setting("PENSTOCK_TRACES", "cloud", "where traces go: an OTLP collector's whole HTTP address, or off"),
    Setting("PENSTOCK_TRACES_SHARE", "cloud", "the share of unremarkable traces that is kept"),
    Setting("PENSTOCK_TRACES_SLOW_S", "cloud", "from how many seconds on a request counts as slow"),
    Setting("PENSTOCK_BUDGETS", "cloud", "off, on, or on with a JSON list of budgets"),
    Setting("PENSTOCK_LIMITS", "cloud", "off, or the shared limits and weights as a JSON list"),
    Setting("PENSTOCK_DOOR", "cloud", "who may use the front door: keys, iam, or off"),
    Setting("PENSTOCK_CONSOLE", "cloud", "off, local, or who may act in the console, as JSON"),
    Setting("PENSTOCK_PRICES", "local", "a price book laid over the one that comes with Penstock"),
    Setting("PENSTOCK_LOCAL", "local", "a folder: embedded mode, everything lies there"),
    Setting("PENSTOCK_DEFAULT_MODEL", "local", "the model without routes"),
    Setting("PENSTOCK_TIME_SCALE", "local", "tests only: divides every duration of the protocol"),
    Setting("OPENAI_API_KEY", "local", "key of the OpenAI-compatible API, without routes or secrets"),
    Setting("OPENAI_BASE_URL", "local", "address of another OpenAI-compatible API"),
    Setting("OPENAI_ADMIN_KEY", "local", "for `penstock reconcile`: the organization's admin key"),
    Setting("ANTHROPIC_ADMIN_KEY", "local", "for `penstock reconcile`: the organization's admin key"),
    Setting("OPENROUTER_MANAGEMENT_KEY", "local", "for `penstock reconcile`: a management key"),
    Setting("PUBSUB_EMULATOR_HOST", "local", "host:port of Google's Pub/Sub emulator"),
    Setting("FIRESTORE_EMULATOR_HOST", "local", "host:port of Google's Firestore emulator"),
    Setting("XDG_DATA_HOME", "local", "the user's data directory, for the default local folder"),
)


def feeds_fault(value: str) -> str:
    """What is wrong with PENSTOCK_FEEDS."""
    try:
        said = json.loads(value)
        urls, pipeline = said["urls"], said["pipeline"]
        right = isinstance(urls, list) and urls and {"name", "sha256"} == set(pipeline)
    except (ValueError, TypeError, KeyError):
        right = False
    if not right:
        return 'must be JSON such as {"urls": ["https://…"], "pipeline": {"name": "…", "sha256": "…"}}.'
    faults = [fault for url in urls if (fault := address_fault(str(url)))]
    return f"has an address that {faults[0]}" if faults else ""


#: A bucket alone: what lies below a prefix of one would be out of reach of its grants.
_BUCKET: Final = re.compile(r"gs://[A-Za-z0-9][A-Za-z0-9._-]*/?")

DEFAULT_MODEL: Final = "gpt-5.4-nano"

#: What switches a capability off that a setting switches on.
OFF: Final = "off"
ON: Final = "on"
#: The console of whoever sits at this machine.
LOCAL: Final = "local"
TRACES_SHARE, TRACES_SLOW_S = 0.01, 60.0

#: What a value must be whatever the others are; for all others: not spoilt.
_RULES: Final[Mapping[str, Callable[[str], str]]] = {
    "GOOGLE_CLOUD_PROJECT": project_fault,
    "PENSTOCK_REQUEST_TOPIC": topic_fault,
    "PENSTOCK_RESPONSE_TOPIC": topic_fault,
    "PENSTOCK_DEAD_LETTER_TOPIC": topic_fault,
    "PENSTOCK_CALLBACKS_TOPIC": topic_fault,
    "PENSTOCK_CALLBACKS_SIGNED_BY": secret_fault,
    "PENSTOCK_WORKFLOWS": projects_fault,
    "PENSTOCK_ROUTES": lambda value: "" if value.lstrip().startswith("{") else spoilt(value),
    "PENSTOCK_DEFAULT_MODEL": model_fault,
    "PENSTOCK_FEEDS": feeds_fault,
    "PENSTOCK_BILLS": bills_fault,
    "PENSTOCK_TRACES": lambda value: "" if value == OFF else address_fault(value),
    "PENSTOCK_CONSOLE": lambda value: "" if value in (OFF, LOCAL) else console_fault(value),
    "OPENAI_API_KEY": key_fault,
    "OPENAI_ADMIN_KEY": key_fault,
    "ANTHROPIC_ADMIN_KEY": key_fault,
    "OPENROUTER_MANAGEMENT_KEY": key_fault,
    "OPENAI_BASE_URL": address_fault,
    "PUBSUB_EMULATOR_HOST": host_fault,
    "FIRESTORE_EMULATOR_HOST": host_fault,
}
_WRITTEN: Final = {setting.env: _RULES.get(setting.env, spoilt) for setting in SETTINGS}
#: Nothing reads these in the cloud: a target there names a secret.
_NOT_IN_CLOUD: Final = frozenset({"OPENAI_API_KEY", "OPENAI_BASE_URL", "PENSTOCK_DEFAULT_MODEL"})

#: How much of what should be a path is shown, in characters.
_SHOWN: Final = 120

_Mode = Literal["embedded", "emulators", "cloud"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, checked. Secrets are left out of the representation."""

    mode: _Mode
    project: str
    request_topic: str
    response_topic: str
    dead_letter_topic: str
    database: str
    #: `gs://name`, or a folder's path.
    bucket: str
    #: Embedded mode's folder.
    folder: Path
    routes: Routes
    prices: Path | None
    time_scale: float
    #: None: runs are switched off.
    runs_topic: str | None = None
    #: None: no target's lane is batch.
    batches_topic: str | None = None
    internal_topic: str = "llm-internal"
    #: None: no feeds are read.
    feeds: str | None = None
    #: None: no bills are compared.
    bills: str | None = None
    #: None: callbacks are switched off. The master secret's name, None: a file on this machine.
    callbacks_topic: str | None = None
    callbacks_secret: str | None = None
    #: Projects, by id or number, whose Workflows may be answered.
    workflows: frozenset[str] = frozenset()
    openai_api_key: str | None = field(repr=False, default=None)
    #: The address that the key belongs to; None: OpenAI's own.
    openai_base_url: str | None = None
    pubsub_emulator: str | None = None
    firestore_emulator: str | None = None
    #: An OTLP collector's address; None: no traces. The share of unremarkable ones that is kept, and from how
    #: many seconds on one is remarkable.
    traces: str | None = None
    traces_share: float = TRACES_SHARE
    traces_slow_s: float = TRACES_SLOW_S
    #: The budgets that hold where the operator set no other; None: budgets are switched off.
    budgets: tuple[Limit, ...] | None = None
    #: What all instances together keep to, and the tenants' weights; None: shared limits are switched off.
    limits: tuple[Pace, ...] | None = None
    #: Who may use the front door: bearers of its own keys, or whom the platform lets in; None: nobody.
    door: Literal["keys", "iam"] | None = None
    #: LOCAL, or JSON with the `audience` of IAP's assertions and the `operators`; None: no console.
    console: str | None = None
    #: Things the user should know although they are not wrong.
    warnings: tuple[str, ...] = ()


def embedded_folder(env: Mapping[str, str]) -> Path:
    """Where embedded mode keeps its things, as a whole path. Raises SettingsError for what is none."""
    name = "PENSTOCK_LOCAL" if env.get("PENSTOCK_LOCAL") else "XDG_DATA_HOME"
    if env.get(name) and (fault := spoilt(env[name])):
        raise SettingsError([f"{name} {fault}"])
    try:
        return Path(env.get("PENSTOCK_LOCAL") or default_folder(env)).expanduser().absolute()
    except RuntimeError:
        raise SettingsError(["PENSTOCK_LOCAL must name a folder: no home is known to find one in."]) from None


def default_folder(env: Mapping[str, str]) -> Path:
    """Where embedded mode keeps its things unless told otherwise."""
    base = env.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "penstock"


def read_settings(env: Mapping[str, str]) -> Settings:
    """The settings of an environment. Raises SettingsError that names every fault."""
    reader = _Reader(env)
    settings = reader.read()
    if reader.faults:
        raise SettingsError([without_keys(fault) for fault in reader.faults])
    return settings


class _Reader:
    """Collects faults instead of stopping at the first."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {name: value for name, value in env.items() if value}
        self.faults: list[str] = []
        #: Variables whose value is a fault by itself.
        self._faulty: set[str] = set()
        self._warnings: list[str] = []
        self._mode = self._read_mode()

    def read(self) -> Settings:
        self._check_written()
        env = self._env
        folder = self._folder()
        return Settings(
            mode=self._mode,
            project=self._project(),
            request_topic=env.get("PENSTOCK_REQUEST_TOPIC", "llm-requests"),
            response_topic=env.get("PENSTOCK_RESPONSE_TOPIC", "llm-responses"),
            dead_letter_topic=env.get("PENSTOCK_DEAD_LETTER_TOPIC", "llm-dead-letters"),
            database=env.get("PENSTOCK_DATABASE", "(default)"),
            bucket=self._bucket(folder),
            folder=folder,
            routes=self._routes(),
            prices=self._prices(),
            time_scale=self._time_scale(),
            runs_topic=env.get("PENSTOCK_RUNS_TOPIC"),
            batches_topic=env.get("PENSTOCK_BATCHES_TOPIC"),
            internal_topic=env.get("PENSTOCK_INTERNAL_TOPIC", "llm-internal"),
            feeds=env.get("PENSTOCK_FEEDS"),
            bills=env.get("PENSTOCK_BILLS"),
            callbacks_topic=env.get("PENSTOCK_CALLBACKS_TOPIC"),
            callbacks_secret=self._callbacks_secret(),
            workflows=self._workflows(),
            openai_api_key=env.get("OPENAI_API_KEY"),
            openai_base_url=env.get("OPENAI_BASE_URL"),
            pubsub_emulator=env.get("PUBSUB_EMULATOR_HOST"),
            firestore_emulator=env.get("FIRESTORE_EMULATOR_HOST"),
            traces=None if env.get("PENSTOCK_TRACES", OFF) == OFF else env["PENSTOCK_TRACES"],
            traces_share=self._number("PENSTOCK_TRACES_SHARE", TRACES_SHARE, 0, 1),
            traces_slow_s=self._number("PENSTOCK_TRACES_SLOW_S", TRACES_SLOW_S, 0, 86_400),
            budgets=self._budgets(),
            limits=self._limits(),
            door=self._door(),
            console=None if env.get("PENSTOCK_CONSOLE", OFF) == OFF else env["PENSTOCK_CONSOLE"],
            warnings=tuple(self._warnings),
        )

    def _check_written(self) -> None:
        """What can be told of each value alone; what depends on it is judged as if it were right."""
        for name, value in list(self._env.items()):
            if name in _WRITTEN and not (self._mode == "cloud" and name in _NOT_IN_CLOUD):
                fault = _WRITTEN[name](value)
                if fault:
                    self.faults.append(f"{name} {fault}")
                    self._faulty.add(name)

    def _folder(self) -> Path:
        if {"PENSTOCK_LOCAL", "XDG_DATA_HOME"} & self._faulty:
            return Path()
        return embedded_folder(self._env)

    def _prices(self) -> Path | None:
        path = self._env.get("PENSTOCK_PRICES")
        if path and "PENSTOCK_PRICES" not in self._faulty and not Path(path).is_file():
            self.faults.append(f"PENSTOCK_PRICES names {path!r}, where no file is.")
        return Path(path) if path else None

    def _budgets(self) -> tuple[Limit, ...] | None:
        text = self._env.get("PENSTOCK_BUDGETS", OFF)
        if text == OFF or "PENSTOCK_BUDGETS" in self._faulty:
            return None
        try:
            return () if text == ON else parse_limits(text, "PENSTOCK_BUDGETS")
        except SettingsError as error:
            self.faults.extend(error.faults)
            return None

    def _limits(self) -> tuple[Pace, ...] | None:
        text = self._env.get("PENSTOCK_LIMITS", OFF)
        if text == OFF or "PENSTOCK_LIMITS" in self._faulty:
            return None
        try:
            return parse_paces(text, "PENSTOCK_LIMITS")
        except SettingsError as error:
            self.faults.extend(error.faults)
            return None

    def _callbacks_secret(self) -> str | None:
        name = self._env.get("PENSTOCK_CALLBACKS_SIGNED_BY")
        if self._mode == "cloud" and name is None and "PENSTOCK_CALLBACKS_TOPIC" in self._env:
            self.faults.append("PENSTOCK_CALLBACKS_SIGNED_BY is not set: name the secret of callbacks.")
        return name

    def _workflows(self) -> frozenset[str]:
        text = self._env.get("PENSTOCK_WORKFLOWS", OFF)
        return frozenset() if text == OFF else frozenset(text.split(","))

    def _read_mode(self) -> _Mode:
        if "PENSTOCK_LOCAL" in self._env:
            return "embedded"
        emulators = [
            name for name in ("PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST") if name in self._env
        ]
        if len(emulators) == 1:
            self.faults.append(f"{emulators[0]} is set alone; set both emulator hosts, or neither.")
        return "emulators" if emulators else "cloud"

    def _project(self) -> str:
        project = self._env.get("GOOGLE_CLOUD_PROJECT", "")
        if not project and self._mode != "embedded":
            self.faults.append(
                "GOOGLE_CLOUD_PROJECT is not set; set it, or PENSTOCK_LOCAL for embedded mode."
            )
        return project

    def _bucket(self, folder: Path) -> str:
        bucket = self._env.get("PENSTOCK_BUCKET")
        if self._mode == "cloud" and not _BUCKET.fullmatch(bucket or ""):
            self.faults.append("PENSTOCK_BUCKET must be a bucket, gs://NAME, in the cloud.")
        if bucket is None:
            return str(folder / "blobs")
        return bucket

    def _door(self) -> Literal["keys", "iam"] | None:
        match self._env.get("PENSTOCK_DOOR", OFF):
            case "keys":
                return "keys"
            case "iam":
                return "iam"
            case "off":
                return None
        if "PENSTOCK_DOOR" not in self._faulty:
            self.faults.append("PENSTOCK_DOOR must be keys, iam or off.")
        return None

    def _number(self, name: str, default: float, least: float, most: float) -> float:
        """A setting that is a number; what is none is a fault, and judged as if it were `default`."""
        text = self._env.get(name, str(default))
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            if name not in self._faulty:
                self.faults.append(f"{name} must be a number from {least:g} to {most:g}, not {text!r}.")
            return default
        return number

    def _time_scale(self) -> float:
        scale = self._number("PENSTOCK_TIME_SCALE", 1, 1, 10_000)
        if scale != 1 and self._mode == "cloud":
            self.faults.append("PENSTOCK_TIME_SCALE is for tests; it may not be set in the cloud.")
        return scale

    def _routes(self) -> Routes:
        text = self._env.get("PENSTOCK_ROUTES")
        if self._faulty & ({"PENSTOCK_ROUTES"} if text else _NOT_IN_CLOUD):
            return _offline()
        try:
            routes = parse_routes(self._routes_text(text)) if text else self._local_routes()
        except SettingsError as error:
            self.faults.extend(error.faults)
            return _offline()
        self.faults.extend(self._batch_faults(routes))
        self.faults.extend(access_faults(routes, in_cloud=self._mode == "cloud"))
        self._warnings.extend(access_warnings(routes))
        return routes

    def _batch_faults(self, routes: Routes) -> list[str]:
        waiting = sorted(target.name for target in routes.targets.values() if target.lane == "batch")
        if not waiting or self._env.get("PENSTOCK_BATCHES_TOPIC"):
            return []
        return [
            f"PENSTOCK_ROUTES: target {waiting[0]!r} is in lane batch: set PENSTOCK_BATCHES_TOPIC too, the "
            "topic of batches (llm-batches), or say lane: sync."
        ]

    def _routes_text(self, value: str) -> str:
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

    def _local_routes(self) -> Routes:
        """Without routes: one target, from the OpenAI variables, or the offline provider."""
        key, base_url = self._env.get("OPENAI_API_KEY"), self._env.get("OPENAI_BASE_URL")
        if self._mode == "cloud":
            raise SettingsError(["PENSTOCK_ROUTES is not set: in the cloud it says which models answer."])
        if not key and not base_url:
            self._warnings.append(
                "No model is configured, so the offline provider answers: it is no model. "
                "Set OPENAI_API_KEY, or PENSTOCK_ROUTES, to ask one."
            )
            return _offline()
        model = self._env.get("PENSTOCK_DEFAULT_MODEL")
        if base_url and not model:
            raise SettingsError(["With OPENAI_BASE_URL set, PENSTOCK_DEFAULT_MODEL must name the model."])
        model = model or DEFAULT_MODEL
        target = Target(name="openai", provider="openai", model=model, base_url=base_url)
        return single_route(target, "default", model)


def _offline() -> Routes:
    return single_route(Target(name="offline", provider="offline", model="offline"), "default", "offline")
