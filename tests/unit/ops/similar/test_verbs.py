"""`penstock wrong` and `penstock similar` on a folder that the shipped functions serve."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from penstock.paths import cache_path
from penstock_ops.similar.learn import learn
from penstock_ops.similar.show import reset, show
from penstock_ops.similar.wrong import wrong
from penstock_ops.terminal.faults import Misuse, OperatorFault
from tests.servers.openai_server import OpenAIServer
from tests.unit.ops.redriving.redrive_stage import Folder
from tests.unit.similar.test_end_to_end import ALIKE, FIRST, Deployment, routes


@pytest.fixture
async def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    async with AsyncExitStack() as ending:
        server = await ending.enter_async_context(OpenAIServer())
        server.control({"by_model": {"gpt-5.4-nano": "answer says=no", "gpt-6-luna": "answer says=yes"}})

        async def make(**setting: Any) -> Deployment:
            said = routes(server, **setting)
            monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path))
            monkeypatch.setenv("PENSTOCK_ROUTES", said)
            folder = Folder(tmp_path, PENSTOCK_ROUTES=said)
            ending.push_async_callback(folder.services.close)
            await folder.prepare()
            return Deployment(folder, server)

        yield make


async def test_what_was_wrong_is_forgotten_counted_and_told(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await deploy()
    await made.judged_before()
    bought = await made.ask("r1", FIRST)
    for name, prompt in (("r2", ALIKE), ("r30", f"{ALIKE}?")):
        assert (await made.ask(name, prompt))["cache"] == "similar"
    record = await made.folder.record("r2")
    capsys.readouterr()
    assert await wrong("r2", "default", as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["source"], said["counted"], said["given_to"]) == ("r1", True, ["r2", "r30"])
    counted = await made.evidence()
    assert (counted["n0"], counted["k0"]) == (201, 1)
    # Its answer is in no cache any more, and its question is not found.
    s = made.folder.services
    [cached] = await s.store.read([cache_path("default", record.similar["key"])], timeout_s=10)
    assert "answer" not in cached.fields
    again = await made.ask("r4", ALIKE)
    assert (again["cache"], again["completion"] != bought["completion"]) == ("miss", True)
    # Said twice it counts once.
    capsys.readouterr()
    assert await wrong("r2", "default", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["counted"] is False
    assert (await made.evidence())["k0"] == 1


async def test_so_many_wrong_ones_close_the_way_until_it_is_reset(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await deploy()
    await made.judged_before(n0=205, k0=4, open_n=200)
    await made.ask("r1", FIRST)
    await made.ask("r2", ALIKE)
    capsys.readouterr()
    assert await wrong("r2", "default", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["closed"] is True
    assert await show("default", as_json=True) == 0
    [way] = json.loads(capsys.readouterr().out)["ways"]
    assert (way["state"], way["judged"][0]) == ("closed", {"threshold": 0.75, "n": 206, "k": 5})
    assert await reset(way["way"][:6], "default", as_json=False) == 0
    assert await show("default", as_json=False) == 0
    assert "gathering" in capsys.readouterr().out


async def test_who_was_given_no_similar_answer_is_told_so(deploy: Any) -> None:
    made = await deploy()
    await made.ask("r1", FIRST)
    with pytest.raises(OperatorFault, match="was given no similar answer"):
        await wrong("r1", "default", as_json=False)
    with pytest.raises(OperatorFault, match="there is no request"):
        await wrong("nobody", "default", as_json=False)


async def test_stored_results_are_replayed_and_give_evidence(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await deploy()
    for number, prompt in enumerate((FIRST, ALIKE, "What is a penstock?")):
        await made.ask(f"r{number}", prompt, cache="use")
    capsys.readouterr()
    assert await learn("faq", "default", None, None, 0, yes=True, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["looked"], said["found"], said["judged"], said["wrong"], said["kept"]) == (3, 1, 1, 1, 3)
    assert ((await made.evidence())["n0"], (await made.evidence())["k0"]) == (1, 1)
    # Replayed again nothing counts twice; and what was kept is found by who asks now.
    assert await learn("faq", "default", None, None, 0, yes=True, as_json=True) == 0
    assert (await made.evidence())["n0"] == 1


async def test_verifier_and_judge_are_asked_by_the_deployment_and_the_judge_is_tried(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await deploy(verifier="verifier", judge="judging")
    for number, prompt in enumerate((FIRST, ALIKE, "What is a penstock?", "Name a river, please.")):
        await made.ask(f"r{number}", prompt, cache="use")
    capsys.readouterr()
    assert await learn("faq", "default", None, None, 4, yes=True, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["asked"], said["planted"]) == (1, 4)
    await made.folder.serve()
    counted = await made.evidence()
    assert (counted["n0"], counted["k0"], counted["planted"]) == (1, 1, 4)
    assert counted.get("missed", 0) == 0


async def test_what_cannot_be_learned_is_a_sentence(deploy: Any) -> None:
    await deploy()
    for alias, planted, fault in (
        ("nobody", 0, "there is no route nobody"), ("plain", 0, "has no similar answers"),
        ("faq", 5, "--planted tries a judge"),
    ):  # fmt: skip
        with pytest.raises(Misuse, match=fault):
            await learn(alias, "default", None, None, planted, yes=True, as_json=False)
    with pytest.raises(OperatorFault, match="no stored result"):
        await learn("faq", "default", None, None, 0, yes=True, as_json=False)
    with pytest.raises(Misuse, match="is no day"):
        await learn("faq", "default", None, "yesterday", 0, yes=True, as_json=False)
