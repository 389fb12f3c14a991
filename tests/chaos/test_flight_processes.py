"""Single flight across processes: one question, many askers, and a leader that is killed."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.explain import surplus_calls
from tests.chaos.processes.provider import Model
from tests.chaos.processes.stage import Stage
from tests.chaos.processes.strikes import Blow
from tests.servers.openai_behaviour import Behaviour

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(240),
]

ASKERS = 60
QUESTION = "acme.river"


async def test_identical_requests_are_paid_once_though_their_leader_is_killed(
    emulators: Emulators, tmp_path: Path
) -> None:
    # Given three workers, and a provider that keeps its first caller waiting
    async with Model() as model:
        model.by_id[QUESTION] = Behaviour("hold", times=1)
        async with Stage(emulators, "pen-flight", tmp_path, handlers=3, model=model) as stage:
            # If the same question is asked sixty times, and whoever leads the flight is killed in mid call
            await _ask(stage, "r0")
            await model.ledger.wait_for(calls=1)
            await asyncio.gather(*(_ask(stage, f"r{number}") for number in range(1, ASKERS)))
            leader = next(i for i in stage.instances if i.name == model.callers[1])
            await _when_following(stage, ASKERS - 1)
            strike = stage.strikes.begin(Blow.KILL, leader.name)
            await asyncio.to_thread(leader.kill)
            stage.strikes.end(strike)
            await leader.start()
            assert await stage.rest(120)

            # I expect every one of them answered, with the same words
            documents = await stage.documents()
            results = [document["result"] for document in documents.values()]

            # and one call more than faults
            surplus = surplus_calls(model.ledger.calls, model.callers, stage.strikes.dealt, time.time())

    completed = [result for result in results if isinstance(result, dict) and result["completion"]]
    assert len(completed) == ASKERS
    assert len({json.dumps(result["completion"], sort_keys=True) for result in completed}) == 1
    assert [one for one in surplus if one.because is None] == []
    assert len(model.ledger.calls) == 1 + len(surplus)
    assert "kill" in str(surplus[0].because)
    # the others paid nothing
    paid_for = [result for result in completed if result["cache"] == "miss"]
    assert len(paid_for) == 1


async def _ask(stage: Stage, request_id: str) -> None:
    prompt = f"[id:{QUESTION}] Where does the river go?"
    await stage.send(json.dumps({"tenant": "acme", "request_id": request_id, "prompt": prompt}).encode())


async def _when_following(stage: Stage, count: int) -> None:
    """Until so many requests wait for the leader."""
    async with asyncio.timeout(60):
        while True:
            states = [document["state"] for document in (await stage.documents()).values()]
            if states.count("following") >= count:
                return
            await asyncio.sleep(0.1)
