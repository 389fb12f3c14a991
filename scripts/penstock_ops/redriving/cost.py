"""Which models' prices an estimate goes by: the routes, where this shell says them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from penstock.errors import SettingsError
from penstock.settings import read_settings
from penstock.targets.routes import Routes

#: What says which model answers; without any of them only the deployment knows.
_MODELS = ("PENSTOCK_ROUTES", "OPENAI_API_KEY", "OPENAI_BASE_URL")


def routes_here(env: Mapping[str, str] = os.environ) -> Routes | None:
    """They need not be the deployment's."""
    if not any(env.get(name) for name in _MODELS):
        return None
    # Nothing is published here: a lane that waits is read like every other one.
    beside = {"PENSTOCK_LOCAL": os.curdir, "PENSTOCK_BATCHES_TOPIC": "llm-batches"}
    given = {name: env[name] for name in (*_MODELS, "PENSTOCK_DEFAULT_MODEL") if env.get(name)}
    try:
        return read_settings(given | beside).routes
    except SettingsError:
        return None
