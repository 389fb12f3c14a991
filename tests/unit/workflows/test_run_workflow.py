"""The shipped workflow, played over a simulated deployment: it begins a run and goes on when it has ended."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.services import Services
from tests.chaos.callback_stage import in_turn, with_callbacks
from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, pipeline
from tests.chaos.stage import Stage, play
from tests.chaos.world import TOPICS, World
from tests.servers.workflow_player import Player, Raised

DEFINITION = Path(__file__).parents[3] / "terraform" / "modules" / "workflow" / "run.yaml"
ENV = {
    "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID": "0a1b-2c",
    "GOOGLE_CLOUD_PROJECT_ID": "my-project-1",
    "RUNS_TOPIC": "llm-runs",
    "DATABASE": "(default)",
    "NOTIFY_TOPIC": "digests",
}
URL = (
    "https://workflowexecutions.googleapis.com/v1/projects/my-project-1/locations/us-central1/workflows/"
    "run-workflow/executions/0a1b-2c/callbacks/3d-4e"
)


class Google:
    """What the workflow reaches: Pub/Sub and Firestore of the world, and its own callback."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.notified: list[Mapping[str, Any]] = []

    def calls(self) -> dict[str, Callable[[Mapping[str, Any]], Awaitable[Any]]]:
        return {
            "events.create_callback_endpoint": self._created,
            "events.await_callback": self._awaited,
            "googleapis.pubsub.v1.projects.topics.publish": self._published,
            "googleapis.firestore.v1.projects.databases.documents.get": self._document,
        }

    async def _created(self, arguments: Mapping[str, Any]) -> Any:
        assert arguments == {"http_callback_method": "POST"}
        return {"url": URL}

    async def _awaited(self, arguments: Mapping[str, Any]) -> Any:
        receiver, end = self._world.receiver, self._world.now() + arguments["timeout"]
        while self._world.now() < end:
            for one in receiver.arrived:
                if one.url == arguments["callback"]["url"] and one.status == 200:
                    assert one.headers["authorization"].startswith("Bearer ")
                    return {"http_request": {"body": one.told}}
            await asyncio.sleep(1)
        raise Raised({"tags": ["TimeoutError"], "message": "timed out"})

    async def _published(self, arguments: Mapping[str, Any]) -> Any:
        topic = arguments["topic"].removeprefix("projects/my-project-1/topics/")
        for message in arguments["body"]["messages"]:
            data = base64.b64decode(message["data"])
            if topic == "digests":
                self.notified.append(json.loads(data))
            else:
                await self._world.bus.publish(topic, data, {}, timeout_s=15)
        return {"messageIds": ["1"]}

    async def _document(self, arguments: Mapping[str, Any]) -> Any:
        path = arguments["name"].removeprefix("projects/my-project-1/databases/(default)/documents/")
        [found] = await self._world.store.read([path], timeout_s=8)
        if found.fields is None:
            raise Raised({"tags": ["HttpError", "NotFound"], "code": 404})
        return {
            "name": arguments["name"],
            "fields": {name: _rest(value) for name, value in found.fields.items()},
        }


def _rest(value: Any) -> dict[str, Any]:
    """A value as Firestore's REST API shows it: what the workflow reads of one."""
    if isinstance(value, Mapping):
        return {"mapValue": {"fields": {name: _rest(inner) for name, inner in value.items()}}}
    return {"stringValue": str(value)}


def _answers_workflows(services: Services) -> Services:
    return replace(services, workflows=frozenset({"my-project-1"}))


async def _execute(stage: Stage, **more: Any) -> tuple[Any, Google]:
    world = stage.world
    for instance in world.instances:
        instance.services = _answers_workflows(instance.services)
    google = Google(world)
    player = Player(DEFINITION.read_text(), ENV, google.calls())
    return await player.run({"run": {"pipeline": pipeline(), "items": ["a", "b"]}} | more), google


def test_it_begins_a_run_waits_and_tells_how_it_ended() -> None:
    async def scene(stage: Stage) -> None:
        outcome, google = await _execute(stage)
        assert (outcome["run_id"], outcome["status"]) == ("0a1b-2c", "succeeded")
        [step] = outcome["steps"]
        assert (step["succeeded"], step["failed"]) == (2, 0)
        assert google.notified == [outcome]
        assert stage.calls() == 2

    play(scene, shape=with_callbacks(RUNS))


def test_a_run_that_failed_fails_the_execution_and_notifies_nobody() -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(Raised) as raised:
            await _execute(stage)
        assert raised.value.value["reason"] == "too_many_failures"

    play(scene, shape=with_callbacks(RUNS), replies=[Reply("rejected", 0.1)])


def test_a_callback_that_is_too_late_is_no_failure() -> None:
    """Whoever was to tell it was down: it looks at the run itself."""

    async def scene(stage: Stage) -> None:
        outcome, google = await _execute(stage, max_wait_s=100)
        assert (outcome["status"], google.notified) == ("succeeded", [outcome])

    refused = in_turn(*([503] * 3), 404)
    play(scene, shape=with_callbacks(RUNS, refused), checked=False)


def test_a_run_that_goes_on_is_said_to() -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(Raised) as raised:
            await _execute(stage, max_wait_s=20, run_id="nightly")
        assert raised.value.value == "The run nightly has not ended in time; it goes on."

    play(scene, shape=with_callbacks(RUNS), always=Reply("ok", 40.0), checked=False)


def test_its_names_are_the_deployments() -> None:
    assert TOPICS.runs == ENV["RUNS_TOPIC"]
    text = (DEFINITION.parent / "main.tf").read_text()
    read = {name for name in ENV if f'get_env("{name}")' in DEFINITION.read_text()}
    ours = {name for name in read if not name.startswith("GOOGLE_")}
    assert all(name in text for name in ours)
    assert read == set(ENV)
