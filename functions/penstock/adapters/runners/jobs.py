"""Which machine works a target's files off."""

from __future__ import annotations

from penstock.adapters.providers.access_token import AccessTokenKey
from penstock.adapters.runners.cloud_run import CloudRunMachine
from penstock.adapters.runners.google_api import GoogleApi
from penstock.adapters.runners.google_batch import SpotMachine
from penstock.adapters.runners.job import JobRunner, Machine
from penstock.adapters.runners.local_machine import LocalMachine
from penstock.drain.shelf import shelf_at
from penstock.targets.routes import Target

_RUN_API = "https://run.googleapis.com/v2"
_BATCH_API = "https://batch.googleapis.com/v1"


def job_runner(target: Target) -> JobRunner:
    """What the routes say of `target` was checked by targets/routes.py."""
    drain = target.drain or ""
    shelf = shelf_at(drain)
    machine: Machine
    if target.job is not None:
        machine = CloudRunMachine(GoogleApi(_RUN_API, AccessTokenKey(_RUN_API)), target.job)
    elif target.spot is not None:
        machine = SpotMachine(GoogleApi(_BATCH_API, AccessTokenKey(_BATCH_API)), target.spot, shelf)
    else:
        machine = LocalMachine(drain, target.base_url or "")
    return JobRunner(target.model, shelf, machine)
