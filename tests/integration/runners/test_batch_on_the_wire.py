"""A batch from pile to result, its provider on a socket: each fault of the field, with what was paid for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from penstock.adapters.buses.local import LocalBus
from penstock.bootstrap import build
from penstock.settings import read_settings
from penstock_ops.terminal.topology import Topology, create_local
from tests.integration.piled import TOPIC, Ahead, Piled
from tests.servers.openai_server import OpenAIServer

_IDS = ("a", "b", "c", "d")
_DAY = timedelta(days=1)


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as running:
        running.batches.takes_s = 0.0
        yield running


@pytest.fixture
async def piled(model: OpenAIServer, tmp_path: Path) -> AsyncIterator[Piled]:
    usual = {"provider": "openai", "model": "gpt-5.4-nano", "base_url": model.base_url, "max_output": 100}
    targets = [usual | {"name": "lazy", "lane": "batch"}, usual | {"name": "prompt"}]
    env = {
        "PENSTOCK_LOCAL": str(tmp_path), "PENSTOCK_BATCHES_TOPIC": TOPIC, "OPENAI_API_KEY": "sk-test",
        "PENSTOCK_ROUTES": json.dumps(
            {"default": "a", "routes": {"a": {"choose": "cheapest", "targets": targets}}}
        ),
    }  # fmt: skip
    clock = Ahead()
    s = build(read_settings(env), clock=clock)
    assert isinstance(s.bus, LocalBus)
    await create_local(Topology(batches_topic=TOPIC), s.bus, {})

    async def ended() -> None:
        for job in model.batches.batches.values():
            await job.ended.wait()

    made = Piled([s], clock, ended)
    yield made
    await made.close()


def paid(model: OpenAIServer) -> int:
    """Lines and calls."""
    return model.batches.billed.total() + len(model.ledger.calls)


#: Which lanes answer, how many are paid for, and what results say may have been paid besides.
_SOUND = ({"batch"}, 4, 0)


@pytest.mark.parametrize(
    ("fault", "lanes", "lines", "perhaps"),
    [
        ("create_lost", *_SOUND),
        ("create_refused", {"batch"}, 4, 4),
        ("create_429", *_SOUND),
        ("create_400", {"sync"}, 4, 0),
        ("token_limit", *_SOUND),
        ("bad_line", {"batch", "sync"}, 4, 0),
        ("whole", {"sync"}, 4, 0),
        ("expires", *_SOUND),
        ("missing", {"batch"}, 5, 1),
        ("twice", *_SOUND),
        ("unordered", *_SOUND),
        ("unknown", *_SOUND),
        ("empty_error_id", *_SOUND),
        ("no_file_yet", *_SOUND),
        ("output_gone", {"batch"}, 8, 4),
    ],
)
async def test_whatever_goes_wrong_everybody_is_answered_and_the_bill_is_told(
    piled: Piled, model: OpenAIServer, fault: str, lanes: set[str], lines: int, perhaps: int
) -> None:
    model.batches.faults = [fault]
    await piled.ask({name: f"Why, {name}?" for name in _IDS})
    results = await piled.rest(_IDS)
    assert Counter(one["status"] for one in results) == Counter(completed=4)
    assert {one["lane"] for one in results} == lanes
    assert paid(model) == lines
    assert sum(one["perhaps_paid"] for one in await piled.requests(_IDS)) == perhaps
    assert model.batches.files == {}


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "counted"), [("truncated", 1), ("empty", 200)])
async def test_two_hundred_lines_that_are_cut_off_or_gone_are_asked_again_and_counted(
    piled: Piled, model: OpenAIServer, fault: str, counted: int
) -> None:
    names = [f"r{number}" for number in range(200)]
    model.batches.faults = [fault]
    await piled.ask({name: f"Why, {name}?" for name in names})
    results = await piled.rest(names)
    assert Counter((one["status"], one["lane"]) for one in results) == {("completed", "batch"): 200}
    assert paid(model) == 200 + counted
    assert sum(one["perhaps_paid"] for one in await piled.requests(names)) == counted


@pytest.mark.parametrize("kind", ["empty", "garbage"])
async def test_a_line_of_status_200_without_an_answer_is_counted_and_asked_again(
    piled: Piled, model: OpenAIServer, kind: str
) -> None:
    await piled.ask({"a": f"[do:{kind} times=1] Why?", "b": "Why not?"})
    results = await piled.rest(["a", "b"])
    assert [one["status"] for one in results] == ["completed"] * 2
    assert paid(model) == 3
    assert [one["perhaps_paid"] for one in await piled.requests(["a", "b"])] == [1, 0]


async def test_a_line_that_was_cut_at_its_length_is_an_answer_that_says_so(
    piled: Piled, model: OpenAIServer
) -> None:
    await piled.ask({"a": "[do:answer finish=length] Why?"})
    [result] = await piled.rest(["a"])
    told = (result["status"], result["completion"]["finish_reason"])
    assert (*told, paid(model)) == ("completed", "length", 1)


async def test_a_job_that_cannot_be_called_back_is_waited_for_and_collected(
    piled: Piled, model: OpenAIServer
) -> None:
    """409: it is finishing. Whoever is late by then is asked once, by its line."""
    model.batches.takes_s, model.batches.faults = 1.0, ["uncancelled"]
    await piled.ask({"a": "Why?"})
    ended, piled.ended = piled.ended, _nothing
    await piled.work_off()
    piled.clock.by += _DAY - timedelta(seconds=700)
    await piled.work_off()
    [open_] = await piled.requests(["a"])
    assert open_["state"] == "sent"
    piled.ended = ended
    [result] = await piled.rest(["a"])
    assert (result["status"], result["lane"], paid(model)) == ("completed", "batch", 1)


async def _nothing() -> None:
    """Who does not wait for a job."""
