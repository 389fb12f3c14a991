"""A Cloud Run job as the runner's machine: each execution works one file off, which its environment names.

Wire: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs (run), …executions
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from penstock.adapters.providers.failures import ambiguous
from penstock.adapters.runners.google_api import GoogleApi
from penstock.adapters.runners.job import Execution

#: Names the file that an execution works off.
NAMES: Final = "PENSTOCK_DRAIN"
_GARBAGE: Final = ambiguous("Cloud Run told of an execution in a form that its API does not have.")


class CloudRunMachine:
    """`job`: projects/P/locations/R/jobs/J. Its retries must be 0: starting again is decided above."""

    def __init__(self, api: GoogleApi, job: str) -> None:
        self._api, self._job = api, job

    async def begin(self, file: str, window_s: int, timeout_s: float) -> Execution:
        """No name is ours to give, so a try whose answer is lost is looked for by `since`."""
        override = {"env": [{"name": NAMES, "value": file}]}
        body = {"overrides": {"containerOverrides": [override], "taskCount": 1, "timeout": f"{window_s}s"}}
        said = await self._api.call("POST", f"{self._job}:run", body=body, timeout_s=timeout_s)
        return _told(said.get("metadata"), file)

    async def look(self, name: str, timeout_s: float) -> Execution:
        return _told(await self._api.call("GET", name, timeout_s=timeout_s))

    async def since(self, when: datetime, timeout_s: float) -> list[Execution]:
        listed = self._api.listed(f"{self._job}/executions", "executions", timeout_s=timeout_s)
        found = [_told(said) async for said in listed]
        return [one for one in found if one.created_at >= when]

    async def cancel(self, name: str, timeout_s: float) -> None:
        await self._api.cancel(name, timeout_s=timeout_s)

    async def close(self) -> None:
        await self._api.close()


def _told(said: Any, file: str = "") -> Execution:
    """Raises ProviderFailure."""
    try:
        name = said["name"]
        created = datetime.fromisoformat(said["createTime"])
        return Execution(
            name, name.rpartition("/")[2], created, next(_files(said), file), "completionTime" in said
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _GARBAGE.failure() from None


def _files(said: Mapping[str, Any]) -> Iterator[str]:
    for container in said.get("template", {}).get("containers", []):
        for variable in container.get("env", []):
            if variable.get("name") == NAMES:
                yield variable["value"]
