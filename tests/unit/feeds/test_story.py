"""A call becomes a run about each feed: real sockets, the embedded bus; one feed at fault stops no other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.feeds import fetch_feed
from penstock.bootstrap import build
from penstock.errors import FeedError, SettingsError
from penstock.feeds.asked import Feeds, fitting, run_of
from penstock.feeds.story import read_feeds
from penstock.messages.envelope import Envelope
from penstock.runs.message import INLINE_ITEMS, decode_run
from penstock.services import Services
from penstock.settings import read_settings
from penstock_ops.terminal.system import local_topology
from penstock_ops.terminal.topology import create_local
from tests.acceptance.penstock_command import ROOT

TODAY = (ROOT / "scripts/examples/today.xml").read_bytes()
PIPELINE = {"name": "feed", "sha256": "a" * 64}


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """A server with a feed at /feed, nothing at /gone, and no feed at /page."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/feed", _feed),
            web.get("/page", _page),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def _feed(_: web.Request) -> web.Response:
    return web.Response(body=TODAY)


async def _page(_: web.Request) -> web.Response:
    return web.Response(body=b"<html>Hello.</html>")


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Services]:
    settings = read_settings({"PENSTOCK_LOCAL": str(tmp_path), "PENSTOCK_RUNS_TOPIC": "llm-runs"})
    services = build(settings)
    assert isinstance(services.bus, LocalBus)
    await create_local(local_topology(settings), services.bus, {})
    yield services
    await services.close()


def _feeds(*urls: str) -> Feeds:
    return Feeds.of(json.dumps({"urls": urls, "tenant": "news", "pipeline": PIPELINE}))


async def _runs(s: Services) -> list[Envelope]:
    assert isinstance(s.bus, LocalBus)
    return await s.bus.peek("llm-runs-handler")


async def test_each_feed_is_a_run_and_one_at_fault_stops_no_other(
    s: Services, site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    read = await read_feeds(s, _feeds(f"{site}/gone?key=hidden", f"{site}/page", f"{site}/feed"), fetch_feed)
    assert (read.asked, read.failed) == (1, 2)
    [envelope] = await _runs(s)
    run = decode_run(envelope, default_wait_s=60)
    assert (run.tenant, len(run.items or ())) == ("news", 5)
    said = capsys.readouterr().out
    assert '"entries": 5' in said
    assert "hidden" not in said, "an address may carry a token"


async def test_the_same_entries_on_one_day_are_the_same_run(s: Services, site: str) -> None:
    for _ in range(2):
        await read_feeds(s, _feeds(f"{site}/feed"), fetch_feed)
    first, second = [json.loads(envelope.data) for envelope in await _runs(s)]
    assert first == second
    now = s.clock.now()
    feeds, items = _feeds(site), first["items"]
    assert run_of(feeds, items, now)["run_id"] != run_of(feeds, items, now + timedelta(days=1))["run_id"]
    assert run_of(feeds, items, now)["run_id"] != run_of(feeds, items[1:], now)["run_id"]


def test_what_a_message_does_not_take_is_left_out() -> None:
    def item(number: int, size: int = 10) -> Mapping[str, str]:
        return {"id": str(number), "text": "x" * size}

    assert len(fitting([item(number) for number in range(INLINE_ITEMS + 5)])) == INLINE_ITEMS
    assert fitting([item(1), item(2, 300_000), item(3)]) == [item(1), item(3)]
    assert len(fitting([item(number, 200_000) for number in range(60)])) == 39


async def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(FeedError, match="cannot be fetched"):
        await fetch_feed("http://127.0.0.1:1/feed")


@pytest.mark.parametrize(
    "value",
    [
        "{", "[]", "5", '{"urls": [], "pipeline": {"name": "f", "sha256": "a"}}', '{"urls": ["https://a.b/c"]}',
        '{"urls": ["https://a.b/c"], "pipeline": {"name": "f"}}',
        '{"urls": ["ftp://a.b/c"], "pipeline": {"name": "f", "sha256": "a"}}',
    ],
)  # fmt: skip
def test_a_setting_that_names_no_feeds_is_refused(value: str, tmp_path: Path) -> None:
    env: dict[str, Any] = {"PENSTOCK_LOCAL": str(tmp_path), "PENSTOCK_FEEDS": value}
    with pytest.raises(SettingsError, match="PENSTOCK_FEEDS"):
        read_settings(env)
