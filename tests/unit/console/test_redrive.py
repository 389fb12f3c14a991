"""Dead letters in the console: looked at and given back, redriven as a selection, and written down."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock.errors import StoreUnavailable
from penstock.messages.redrive import redrive_count
from penstock.ports import Write
from tests.unit.console.stage import Console


@pytest_asyncio.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    made = Console(tmp_path)
    await made.folder.prepare()
    yield made
    await made.folder.services.close()


def letters_in(text: str) -> list[str]:
    return re.findall(r'name="letter" value="([^"]+)"', text)


async def test_they_are_grouped_and_still_there_afterwards(console: Console) -> None:
    for name in ("one", "two"):
        await console.folder.fail(name)
    await console.folder.publish(b'{"hidden-words', secret="sk-in-an-attribute")
    await console.folder.serve()
    _, text = await console.get("/letters")
    assert re.search(r">deadline_exceeded</a></th><td>[^<]+</td><td>2</td>", text)
    assert re.search(r">malformed</a></th><td>[^<]+</td><td>1</td>", text)
    assert "hidden-words" not in text
    assert "Why, one?" not in text
    assert "sk-in-an-attribute" not in text
    group = re.findall(r"group=([0-9a-f]{12})", text)[0]
    _, of_group = await console.get(f"/letters?group={group}")
    assert len(letters_in(of_group)) == 2
    assert await console.folder.letters() == 3
    assert "No dead letters wait" not in (await console.get("/letters"))[1]


async def test_a_selection_goes_back_and_the_rest_stays(console: Console) -> None:
    for name in ("one", "two", "three"):
        await console.folder.fail(name)
    token, (_, text) = await console.token(), await console.get("/letters")
    chosen = {
        name: re.search(rf'value="([^"]+)" aria-label="Choose {name}"', text)[1]  # type: ignore[index]
        for name in ("one", "two")
    }
    form: list[tuple[str, Any]] = [("token", token), ("rate", 50), ("what", "chosen")]
    form += [("letter", message_id) for message_id in chosen.values()]

    # The preview does nothing
    shown = (await console.post("/letters/preview", form)).body.decode()
    assert sorted(letters_in(shown)) == sorted(chosen.values())
    assert re.search(r"calls to expect</dt><dd>2<", shown)
    assert await console.folder.letters() == 3
    assert await console.folder.requests() == []

    # If it is done
    done = await console.post("/letters/redrive", form)
    assert (done.status, await console.folder.letters()) == (303, 1)

    # I expect the two as redrives, and the action with whom and what, leading to them
    redriven = await console.folder.requests()
    assert sorted(one.attributes["request_id"] for one in redriven) == ["one", "two"]
    assert {redrive_count(one.attributes) for one in redriven} == {1}
    _, action = await console.get(done.headers["Location"])
    assert "redrive, by local" in action
    assert "2 redriven" in action
    assert "/request/default/one" in action
    assert "/request/default/three" not in action
    _, log = await console.get("/audit")
    assert "2 redriven" in log


async def test_all_that_match_are_previewed_but_only_what_was_shown_is_done(console: Console) -> None:
    await console.folder.fail("ours", tenant="acme")
    await console.folder.fail("theirs")
    form = {"token": await console.token(), "rate": 5, "what": "all", "tenant": "acme"}
    shown = (await console.post("/letters/preview", form)).body.decode()
    assert len(letters_in(shown)) == 1
    assert (await console.post("/letters/redrive", form)).status == 400
    assert await console.folder.letters() == 2


async def test_a_letter_that_is_gone_is_said(console: Console) -> None:
    await console.folder.fail("one")
    token, (_, text) = await console.token(), await console.get("/letters")
    form = [("token", token), ("rate", 50), ("letter", letters_in(text)[0]), ("letter", "gone")]
    done = await console.post("/letters/redrive", form)
    _, action = await console.get(done.headers["Location"])
    assert "1 redriven, 1 were gone" in action


async def test_what_cannot_be_written_down_is_not_done(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    await console.folder.fail("one")
    token, (_, text) = await console.token(), await console.get("/letters")

    async def refuse(writes: list[Write], *, timeout_s: float) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(console.folder.services.store, "commit", refuse)
    form = {"token": token, "rate": 50, "letter": letters_in(text)[0]}
    assert (await console.post("/letters/redrive", form)).status == 503
    assert await console.folder.requests() == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"cookie": ""},
        {"cookie": "penstock-console=" + "x" * 43},
        {"host": "evil.example"},
    ],
)
async def test_a_form_that_is_not_ours_is_refused(console: Console, spoilt: dict[str, str]) -> None:
    await console.folder.fail("one")
    token, (_, text) = await console.token(), await console.get("/letters")
    form = {"token": token, "rate": 50, "letter": letters_in(text)[0]}
    assert (await console.post("/letters/redrive", form, **spoilt)).status in (403, 421)
    assert (await console.post("/letters/redrive", form | {"token": "x" * 43})).status == 403
    assert (await console.post("/letters/redrive", form | {"token": ""})).status == 403
    assert await console.folder.requests() == []
    assert "Nothing was done" in (await console.get("/audit"))[1]


async def test_a_viewer_sees_and_changes_nothing(console: Console) -> None:
    await console.folder.fail("one")
    token, (_, text) = await console.token(), await console.get("/letters")
    console.seen_by_a_viewer()
    _, seen = await console.get("/letters")
    assert "deadline_exceeded" in seen
    assert letters_in(seen) == []
    form = {"token": token, "rate": 50, "letter": letters_in(text)[0]}
    for path in ("/letters/redrive", "/letters/preview"):
        assert (await console.post(path, form)).status == 403
    assert (await console.get("/request/default/one?show=payload"))[0] == 403
    status, life = await console.get("/request/default/one")
    assert status == 200
    assert "show=payload" not in life
    assert await console.folder.requests() == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"rate": 0}, 400),
        ({"rate": "fast"}, 400),
        ({"rate": 101}, 400),
        ({"letter": "../x"}, 400),
        ({"letter": ""}, 400),
        ({"filler": "x" * 300_000}, 413),
    ],
)
async def test_a_form_that_cannot_be_meant_says_so(
    console: Console, change: dict[str, Any], status: int
) -> None:
    await console.folder.fail("one")
    token, (_, text) = await console.token(), await console.get("/letters")
    form = {"token": token, "rate": 50, "letter": letters_in(text)[0]} | change
    shown = await console.post("/letters/redrive", form)
    assert (shown.status, "Traceback" in shown.body.decode()) == (status, False)
    assert await console.folder.requests() == []


@pytest.mark.parametrize(
    "address", ["/letters?reason=nonsense", "/letters?tenant=..%2Ft", "/letters?group=" + "0" * 13]
)
async def test_a_filter_that_is_none_says_so(console: Console, address: str) -> None:
    assert (await console.get(address))[0] == 400


def test_the_cookie_is_out_of_reach_of_scripts_and_of_others() -> None:
    from penstock.console.csrf import cookie

    assert "HttpOnly; SameSite=Strict" in cookie("t", secure=False)
    assert cookie("t", secure=True).endswith("; Secure")
