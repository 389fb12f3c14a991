"""A small stage for stories: one world, one client, and the checker at the end."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from penstock.messages.envelope import format_time
from penstock.messages.request import Request
from penstock.messages.wake import Wake
from tests.chaos.checker import SECRET, violations
from tests.chaos.evidence import Evidence, collect
from tests.chaos.faults import Plan
from tests.chaos.instance import Instance
from tests.chaos.loop import run_virtual
from tests.chaos.provider import Reply
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape, World, world

#: Stories are over within this, in seconds of simulated time.
REST_S = 6 * 3600.0


class Stage:
    """What a story does and sees. The tenant is `default` unless a body says otherwise."""

    def __init__(self, made: World, log: io.StringIO) -> None:
        self.world = made
        self._log = log

    async def ask(self, request_id: str, said: str = "hello", **body: Any) -> str:
        """Publish a request; its message id."""
        whole = {"prompt": f"{SECRET} {said}", "request_id": request_id} | body
        return await self.world.publish(json.dumps(whole).encode(), {})

    async def redrive(self, request_id: str, count: int, said: str = "hello", **body: Any) -> None:
        whole = {"prompt": f"{SECRET} {said}", "request_id": request_id} | body
        deadline = format_time(self.world.clock.now() + timedelta(days=1))
        attributes = {
            "penstock_kind": "redrive", "tenant": "default", "request_id": request_id,
            "redrive_count": str(count), "deadline": deadline,
        }  # fmt: skip
        await self.world.publish(json.dumps(whole).encode(), attributes)

    async def wake(self, request_id: str, fence: int) -> None:
        await self.world.publish(b"", Wake("default", request_id, fence).encode("request_id"))

    async def rest(self) -> None:
        assert await self.world.rest(REST_S), "the world does not come to rest"

    async def evidence(self) -> Evidence:
        return await collect(self.world, self._log.getvalue())

    async def document(self, request_id: str, tenant: str = "default") -> Mapping[str, Any]:
        path = f"tenants/{tenant}/requests/{request_id}"
        [found] = await self.world.store.read([path], timeout_s=8)
        assert found.fields is not None, f"there is no document of {request_id}"
        return found.fields

    async def result(self, request_id: str, tenant: str = "default") -> Mapping[str, Any]:
        result: Mapping[str, Any] = (await self.document(request_id, tenant))["result"]
        return result

    async def reason(self, request_id: str) -> str | None:
        """Why it failed; None when it completed."""
        error = (await self.result(request_id))["error"]
        return error["reason"] if error else None

    async def results(self, request_id: str) -> list[Mapping[str, Any]]:
        """Every result message of a request, copies included."""
        bodies = [json.loads(carried.data) for carried in (await self.evidence()).results]
        return [body for body in bodies if body["request_id"] == request_id]

    async def letters(self) -> list[str | None]:
        """The reasons on the dead-letter topic."""
        return [letter.attributes.get("reason") for letter in (await self.evidence()).letters]

    def calls(self, request_id: str | None = None) -> int:
        """Calls that reached the model, paid or not."""
        return sum(request_id in (None, call.request_id) for call in self.world.ledger.calls)

    def caller(self) -> Instance:
        """The instance that made the newest call."""
        name = self.world.ledger.calls[-1].instance
        return next(instance for instance in self.world.instances if instance.name == name)

    def log(self, action: str) -> list[Mapping[str, Any]]:
        """The log lines of one action."""
        lines = [json.loads(line) for line in self._log.getvalue().splitlines()]
        return [line for line in lines if line["action"] == action]


def play(
    scene: Callable[[Stage], Awaitable[None]], *, replies: Sequence[Reply] = (), always: Reply | None = None,
    plan: Plan | None = None, shape: Shape | None = None, checked: bool = True,
    heard: list[Request] | None = None,
) -> Evidence:  # fmt: skip
    """Play `scene`, let the world come to rest, and let the checker look at it.

    The model gives `replies` in the order of its calls, then `always` (a plain answer unless given), and
    leaves in `heard` what it was asked.
    """

    async def whole() -> Evidence:
        left = iter(replies)

        def script(request: Request, target: str, at: float) -> Reply:
            if heard is not None:
                heard.append(request)
            return next(left, always or Reply())

        log = io.StringIO()
        with contextlib.redirect_stdout(log):
            async with world(shape or Shape(ROUTES, seed=1), script, plan) as made:
                stage = Stage(made, log)
                await scene(stage)
                await stage.rest()
                return await stage.evidence()

    evidence = run_virtual(whole())
    if checked:
        assert violations(evidence) == []
    return evidence
