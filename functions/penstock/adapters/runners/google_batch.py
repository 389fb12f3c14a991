"""Google Cloud Batch on Spot VMs as the runner's machine: each job works one file off.

Wire: https://cloud.google.com/batch/docs/reference/rest/v1/projects.locations.jobs. A VM that is taken away
ends its task with 50001, and Batch begins the task again where the job's form says so. The job stays the
same, and so does the owner of its file: the drainer goes on after its last part.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime
from typing import Any, Final

from penstock.adapters.providers.failures import ambiguous, unpaid
from penstock.adapters.runners.cloud_run import NAMES
from penstock.adapters.runners.google_api import GoogleApi
from penstock.adapters.runners.job import Execution
from penstock.drain.shelf import Shelf, whole
from penstock.drain.shelf_errors import ShelfError
from penstock.errors import ProviderFailure

#: What a job is but for its file, as Batch's API has it: terraform/modules/drain writes it beside the drains.
FORM: Final = "program/spot.json"
#: Tells our jobs from others of the project.
LABEL: Final = {"penstock": "drain"}
_NO_FORM: Final = unpaid(f"The form of a job, {FORM} in its drain, is not there, or is no job.")
_GARBAGE: Final = ambiguous("Google Cloud Batch told of a job in a form that its API does not have.")
_ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


class SpotMachine:
    """`place`: projects/P/locations/R, where the jobs are made."""

    def __init__(self, api: GoogleApi, place: str, shelf: Shelf) -> None:
        self._api, self._jobs, self._shelf = api, f"{place}/jobs", shelf

    async def begin(self, file: str, window_s: int, timeout_s: float) -> Execution:
        """A job is named by its file, so one file has one job, whoever asks for it again."""
        body = _filled(await self._form(), file, window_s)
        name = f"drain-{hashlib.sha256(file.encode()).hexdigest()[:32]}"
        params = {"jobId": name, "requestId": str(uuid.uuid5(uuid.NAMESPACE_OID, file))}
        try:
            said = await self._api.call("POST", self._jobs, params=params, body=body, timeout_s=timeout_s)
        except ProviderFailure as failure:
            if failure.status != 409:
                raise
            return await self.look(f"{self._jobs}/{name}", timeout_s)
        return _told(said)

    async def look(self, name: str, timeout_s: float) -> Execution:
        return _told(await self._api.call("GET", name, timeout_s=timeout_s))

    async def since(self, when: datetime, timeout_s: float) -> list[Execution]:
        [(key, value)] = LABEL.items()
        ours = {"filter": f"labels.{key}={value}"}
        found = [
            _told(said)
            async for said in self._api.listed(self._jobs, "jobs", timeout_s=timeout_s, params=ours)
        ]
        return [one for one in found if one.created_at >= when]

    async def cancel(self, name: str, timeout_s: float) -> None:
        await self._api.cancel(name, timeout_s=timeout_s)

    async def close(self) -> None:
        await self._api.close()

    async def _form(self) -> dict[str, Any]:
        """Read anew for each job: a deploy that changes it reaches the next one. Raises ProviderFailure."""
        try:
            form = json.loads(await whole(self._shelf, FORM))
        except (ShelfError, ValueError):
            raise _NO_FORM.failure() from None
        if not isinstance(form, dict):
            raise _NO_FORM.failure()
        return form


def _filled(form: dict[str, Any], file: str, window_s: int) -> dict[str, Any]:
    """Raises ProviderFailure."""
    try:
        spec = form["taskGroups"][0]["taskSpec"]
        variables = {**spec.get("environment", {}).get("variables", {}), NAMES: file}
        spec |= {"environment": {"variables": variables}, "maxRunDuration": f"{window_s}s"}
    except (KeyError, IndexError, TypeError, AttributeError):
        raise _NO_FORM.failure() from None
    return form | {"labels": {**form.get("labels", {}), **LABEL}}


def _told(said: Any) -> Execution:
    """Raises ProviderFailure."""
    try:
        variables = said["taskGroups"][0]["taskSpec"]["environment"]["variables"]
        created, ended = datetime.fromisoformat(said["createTime"]), said["status"]["state"] in _ENDED
        return Execution(said["name"], said["uid"], created, variables[NAMES], ended)
    except (KeyError, IndexError, TypeError, ValueError):
        raise _GARBAGE.failure() from None
