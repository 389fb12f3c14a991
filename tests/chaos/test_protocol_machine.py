"""Hypothesis drives the real code: any order of publishing, waiting, dying, faults and redrives.

Beside it runs an oracle that knows only this: the first payload of an id is the request, whoever comes with
another one gets a conflict, a healthy model answers, and a refusal is final.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from penstock.messages.request import Request
from penstock.targets.retry import MAX_TRIES
from tests.chaos.checker import SECRET, violations
from tests.chaos.faults import Fault
from tests.chaos.loop import VirtualLoop
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape, world
from tests.examples import examples

T = TypeVar("T")

_IDS = st.sampled_from(["a", "b", "c"])
_SAID = st.sampled_from(["hello", "again", "reject this"])


class _NextSteps:
    """The faults that the machine has ordered, for the next steps of anybody."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        return self.ordered.pop(0) if self.ordered else None


class Deployment(RuleBasedStateMachine):
    """A world, its client, and the oracle: `first` is the payload of each id that was surely first."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = VirtualLoop()
        self._log = io.StringIO()
        self._plan = _NextSteps()
        self._moods: list[Reply] = []
        self._perhaps_paid = 0
        self._said: dict[str, list[str]] = {}
        self._stack = contextlib.AsyncExitStack()
        opened = world(Shape(ROUTES, seed=1, instances=2), self._reply, self._plan)
        made = self._run(self._stack.enter_async_context(opened))
        self._stage = Stage(made, self._log)

    def _reply(self, request: Request, target: str, at: float) -> Reply:
        if "reject" in str(request.messages[0]["content"]):
            return Reply("rejected", 0.2)
        return self._moods.pop(0) if self._moods else Reply()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with contextlib.redirect_stdout(self._log):
            return self._loop.run_until_complete(work)

    @rule(request_id=_IDS, said=_SAID)
    def publish(self, request_id: str, said: str) -> None:
        self._said.setdefault(request_id, []).append(said)
        self._run(self._stage.ask(request_id, said))

    @rule(seconds=st.sampled_from([0.02, 1.0, 20.0, 70.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))

    @rule(fault=st.sampled_from(list(Fault)))
    def order_fault(self, fault: Fault) -> None:
        self._plan.ordered.append(fault)

    @rule(kind=st.sampled_from(["throttled", "broken", "refused", "hangs"]))
    def order_reply(self, kind: Any) -> None:
        self._moods.append(Reply(kind, 0.5))
        self._perhaps_paid += kind in ("broken", "hangs")

    @rule(number=st.integers(0, 1))
    def kill(self, number: int) -> None:
        self._run(self._strike(number, None))

    @rule(number=st.integers(0, 1))
    def pause(self, number: int) -> None:
        self._run(self._strike(number, 100.0))

    @precondition(lambda self: self._said)
    @rule(data=st.data(), count=st.integers(1, 2))
    def redrive(self, data: st.DataObject, count: int) -> None:
        """An operator may redrive whenever he likes: what has not failed is left alone."""
        request_id = data.draw(st.sampled_from(sorted(self._said)))
        documents = self._run(self._documents())
        if request_id in documents:
            said = documents[request_id]
            self._run(self._stage.redrive(request_id, count, said))

    async def _strike(self, number: int, pause_s: float | None) -> None:
        instance = self._stage.world.instances[number]
        if pause_s is None:
            instance.kill("the machine's order")
        else:
            instance.pause(pause_s, "the machine's order")

    async def _documents(self) -> dict[str, str]:
        """What was accepted under each id, as the store has it."""
        found = (await self._stage.evidence()).documents
        return {
            fields["request_id"]: json.loads(fields["payload"])["prompt"].removeprefix(f"{SECRET} ")
            for path, fields in found.items()
            if "/requests/" in path
        }

    def teardown(self) -> None:
        self._plan.ordered.clear()
        try:
            self._run(self._stage.rest())
            evidence = self._run(self._stage.evidence())
            assert violations(evidence) == []
            self._compare(self._run(self._documents()))
        finally:
            self._run(self._stack.aclose())
            self._loop.close()

    def _compare(self, accepted: dict[str, str]) -> None:
        assert accepted.keys() == self._said.keys()
        for request_id, said in accepted.items():
            assert said in self._said[request_id]
            reason = self._run(self._stage.reason(request_id))
            expected = {"provider_rejected"} if said == "reject this" else {None}
            faults = len(self._stage.world.happened)
            may_fail = {"attempts_exhausted", "internal"} if faults > 2 else set()
            if faults + self._perhaps_paid >= MAX_TRIES:
                may_fail.add("attempts_exhausted")
            assert reason in expected | may_fail, f"{request_id} ended {reason}"


@pytest.mark.slow
@pytest.mark.hypothesis
def test_the_real_code_agrees_with_the_oracle() -> None:
    run_state_machine_as_test(
        Deployment,
        settings=settings(
            examples(150), stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
