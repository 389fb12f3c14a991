"""The settings: the only place that reads the environment (docs/design.md §2.6; the variables: variables.py).

A wrong environment stops the start with one message that names every fault.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from penstock.errors import SettingsError
from penstock.money.limit_faults import parse_limits
from penstock.money.limits import Limit
from penstock.routes_setting import offline, routes_of
from penstock.targets.pace import Pace
from penstock.targets.pace_faults import parse_paces
from penstock.targets.pasted import without_keys
from penstock.targets.routes import Routes
from penstock.variables import NOT_IN_CLOUD, OFF, ON, WRITTEN
from penstock.written import spoilt

#: A bucket alone: what lies below a prefix of one would be out of reach of its grants.
_BUCKET: Final = re.compile(r"gs://[A-Za-z0-9][A-Za-z0-9._-]*/?")

TRACES_SHARE, TRACES_SLOW_S = 0.01, 60.0

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
            if name in WRITTEN and not (self._mode == "cloud" and name in NOT_IN_CLOUD):
                fault = WRITTEN[name](value)
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
        if self._faulty & ({"PENSTOCK_ROUTES"} if self._env.get("PENSTOCK_ROUTES") else NOT_IN_CLOUD):
            return offline()
        found = routes_of(self._env, in_cloud=self._mode == "cloud")
        self.faults.extend(found.faults)
        self._warnings.extend(found.warnings)
        return found.routes
