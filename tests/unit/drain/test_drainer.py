"""The drainer on a folder and a real socket: what it writes, what it does again, and who may."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.drain.__main__ import drain_of
from penstock.drain.drainer import Drain, Exit
from penstock.drain.engine import Engine
from penstock.drain.parts import Parts
from penstock.drain.shelf import DONE, INPUT, OWNER, shelf_at
from tests.servers.openai_server import OpenAIServer

AT = "drains/b-1"


def line(name: str, said: str = "hello") -> str:
    body = {"model": "echo-1", "messages": [{"role": "user", "content": said}]}
    return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body})


def put(folder: Path, *some: str) -> None:
    (folder / AT).mkdir(parents=True, exist_ok=True)
    (folder / AT / INPUT).write_text("".join(one + "\n" for one in some))


def drain(folder: Path, server: OpenAIServer, run: str = "me", *, each: int = 2, width: int = 4) -> Drain:
    shelf, address = shelf_at(str(folder)), server.base_url.removesuffix("/v1")
    parts = Parts(shelf, AT, lines_each=each, seconds=1000)
    return Drain(shelf, AT, run, Engine((), address), address, parts, width, ready_s=5)


def answered(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in sorted((folder / AT).glob("part-*")):
        for text in part.read_text().splitlines():
            said = json.loads(text)
            assert said["custom_id"] not in found
            found[said["custom_id"]] = said
    return found


async def test_each_line_gets_its_answer_in_parts_and_a_manifest_ends_it(tmp_path: Path) -> None:
    put(tmp_path, *(line(f"l{n}") for n in range(5)))
    async with OpenAIServer() as server:
        assert await drain(tmp_path, server).work(asyncio.Event()) is Exit.DONE
    said = answered(tmp_path)
    assert sorted(said) == [f"l{n}" for n in range(5)]
    assert said["l0"]["response"]["status_code"] == 200
    assert said["l0"]["response"]["body"]["choices"][0]["message"]["content"]
    assert len(list((tmp_path / AT).glob("part-*"))) > 1
    assert json.loads((tmp_path / AT / DONE).read_text()) == {"lines": 5, "unreadable": 0}


async def test_a_bad_line_harms_itself_alone(tmp_path: Path) -> None:
    bad = ["{broken", "7", '{"custom_id": 7, "body": {}}', '{"custom_id": "x"}', "", "[" * 100_000]
    put(tmp_path, line("a"), *bad, line("r", "[do:status code=400] no"), line("b"))
    async with OpenAIServer() as server:
        assert await drain(tmp_path, server).work(asyncio.Event()) is Exit.DONE
    said = answered(tmp_path)
    assert {name: one["response"]["status_code"] for name, one in said.items()} == {
        "a": 200,
        "b": 200,
        "r": 400,
    }
    assert json.loads((tmp_path / AT / DONE).read_text())["unreadable"] == 5


async def _answers_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An engine that keeps a connection open, says so, and ends it when it is used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"content-length: " in head:
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
    body = b'{"choices": []}'
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    await reader.read(1)
    writer.close()


async def test_an_engine_that_ends_idle_connections_is_not_lost(tmp_path: Path) -> None:
    """As vLLM does after five seconds: a line that met such an end took the whole drain with it."""
    put(tmp_path, *(line(f"l{n}") for n in range(3)))
    engine = await asyncio.start_server(_answers_once, "127.0.0.1", 0)
    async with engine:
        address = f"http://127.0.0.1:{engine.sockets[0].getsockname()[1]}"
        shelf = shelf_at(str(tmp_path))
        parts = Parts(shelf, AT, lines_each=9, seconds=1000)
        ours = Drain(shelf, AT, "me", Engine((), address), address, parts, 1, ready_s=5)
        assert await ours.work(asyncio.Event()) is Exit.DONE
    assert [one["response"]["status_code"] for one in answered(tmp_path).values()] == [200] * 3


async def test_who_is_second_asks_nothing_and_starts_no_engine(tmp_path: Path) -> None:
    put(tmp_path, line("a"))
    (tmp_path / AT / OWNER).write_text("another")
    async with OpenAIServer() as server:
        ours = drain(tmp_path, server)
        ours.engine = Engine(("touch", str(tmp_path / "started")), "")
        assert await ours.work(asyncio.Event()) is Exit.NOT_OURS
        assert not server.ledger.counts()
    assert not (tmp_path / "started").exists()


async def test_told_to_stop_it_writes_what_it_has_and_goes_on_from_there(tmp_path: Path) -> None:
    put(tmp_path, *(line(f"l{n}", f"[id:l{n}]") for n in range(4)), line("held", "[id:held] [do:hold]"))
    async with OpenAIServer() as server:
        stop = asyncio.Event()
        working = asyncio.create_task(drain(tmp_path, server, each=100).work(stop))
        await server.ledger.wait_for(calls=5, ended=4)
        stop.set()
        assert await working is Exit.STOPPED
        before = answered(tmp_path)
        assert "held" not in before
        assert len(before) >= 3
        server.released.set()
        assert await drain(tmp_path, server).work(asyncio.Event()) is Exit.DONE
        assert sorted(answered(tmp_path)) == ["held", "l0", "l1", "l2", "l3"]
        asked_again = sum(count - 1 for count in server.ledger.counts().values())
        assert asked_again == 5 - len(before)


async def test_no_more_are_out_at_once_than_its_width(tmp_path: Path) -> None:
    put(tmp_path, *(line(f"l{n}") for n in range(8)))
    async with OpenAIServer(latency_s=0.02, capacity=2) as server:
        assert await drain(tmp_path, server, width=2).work(asyncio.Event()) is Exit.DONE
    assert {one["response"]["status_code"] for one in answered(tmp_path).values()} == {200}


async def test_an_engine_that_hangs_up_ends_the_drain_and_keeps_what_was_answered(tmp_path: Path) -> None:
    put(tmp_path, line("a"), line("b", "[do:reset] b"))
    async with OpenAIServer() as server:
        assert await drain(tmp_path, server, width=1).work(asyncio.Event()) is Exit.FAILED
    assert sorted(answered(tmp_path)) == ["a"]
    assert not (tmp_path / AT / DONE).exists()


async def test_an_engine_that_ends_before_it_is_ready_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, line("a"))
    async with OpenAIServer() as server:
        ours = drain(tmp_path, server)
        ours.engine, ours.address = Engine(("false",), "http://127.0.0.1:9"), "http://127.0.0.1:9"
        assert await ours.work(asyncio.Event()) is Exit.FAILED
    assert "The engine is lost" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({}, "The environment lacks PENSTOCK_DRAIN_SHELF and PENSTOCK_DRAIN."),
        (
            {"PENSTOCK_DRAIN_SHELF": "x", "PENSTOCK_DRAIN": "y", "PENSTOCK_DRAIN_WIDTH": "many"},
            "PENSTOCK_DRAIN_WIDTH must be a whole number of at least 1.",
        ),
    ],
)
def test_a_wrong_environment_gets_a_sentence(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(SystemExit, match=sentence):
        drain_of(env, ())
