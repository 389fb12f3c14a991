"""What every answer says of itself, whether a request came of it or not."""

from __future__ import annotations

import asyncio
import json

import pytest

from penstock.errors import StoreUnavailable
from penstock.services import Services
from tests.unit.door.asking import Client, Heard, client
from tests.unit.door.providers import Counted, answering

NAMES = ("request-id", "cost-usd", "cache", "lane")


def told(heard: Heard) -> list[str]:
    return [heard.headers[f"x-penstock-{name}"] for name in NAMES]


async def test_what_never_became_a_request_says_so(s: Services) -> None:
    mine, reader = await client(s), await client(s, scopes=("read",), key_id="k-2")
    for heard, status in (
        (await Client(s, "k.wrong").chat(), 401),
        (await reader.chat(), 403),
        (await mine.ask("GET", "/v1/nothing"), 404),
        (await mine.ask("PUT", "/v1/models"), 405),
        (await mine.chat(n=2), 400),
        (await mine.ask("POST", "/v1/chat/completions", b" " * 9_000_001), 413),
        (await mine.ask("GET", "/v1/models"), 200),
    ):
        name, *rest = told(heard)
        assert (heard.status, rest) == (status, ["0", "off", "none"])
        assert name.startswith("door-")
        assert heard.headers["x-request-id"] == name
        assert (heard.headers["cache-control"], heard.headers["x-content-type-options"]) == (
            "no-store",
            "nosniff",
        )


async def test_what_goes_on_says_which_request_it_is(s: Services) -> None:
    silent = Counted(asyncio.Event())
    mine = await client(answering(s, silent, door_patience_s=0.2, door_keep_alive_s=0.01))
    unfinished = await mine.chat({"idempotency-key": "r-1"})
    assert (unfinished.status, told(unfinished)) == (503, ["r-1", "unknown", "unknown", "unknown"])
    streamed = await mine.chat({"idempotency-key": "r-2"}, stream=True)
    assert (streamed.status, told(streamed)) == (200, ["r-2", "unknown", "unknown", "unknown"])
    asked = {"model": "one", "input": "Why?", "background": True}
    queued = await mine.ask("POST", "/v1/responses", asked)
    assert told(queued) == [queued.json["id"], "unknown", "unknown", "unknown"]


async def test_the_log_knows_the_answer_that_was_our_fault(
    s: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = await client(s)

    async def down(*_: object, **__: object) -> None:
        raise StoreUnavailable("down")

    assert (await mine.ask("GET", "/v1/models")).status == 200
    monkeypatch.setattr(type(s.store), "scan", down)
    heard = await mine.ask("GET", "/v1/files")
    [line] = [one for one in capsys.readouterr().out.splitlines() if "door.unanswered" in one]
    assert (heard.status, json.loads(line)["call"]) == (503, told(heard)[0])
    assert mine.key.partition(".")[2] not in line
