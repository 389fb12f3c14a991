"""The variables of the environment: what each is for, and what its value must be whatever the others are
(docs/design.md §2.6). `settings.py` alone reads them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from penstock.targets.address import address_fault
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

#: What switches a capability off that a setting switches on.
OFF: Final = "off"
ON: Final = "on"
#: The console of whoever sits at this machine.
LOCAL: Final = "local"

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
#: What a value must be, by its variable: the rule says what is wrong, or nothing.
WRITTEN: Final = {setting.env: _RULES.get(setting.env, spoilt) for setting in SETTINGS}
#: Nothing reads these in the cloud: a target there names a secret.
NOT_IN_CLOUD: Final = frozenset({"OPENAI_API_KEY", "OPENAI_BASE_URL", "PENSTOCK_DEFAULT_MODEL"})
