"""`penstock compare`, asked of local servers whose quality, price and times are planted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock_ops.comparing.compare import Wanted, compare, run
from penstock_ops.comparing.contestants import contestants
from penstock_ops.comparing.questions import of_file
from penstock_ops.processes.folder_lock import Serving, announce, claim
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.routes_named import routes_named
from tests.servers.said_completions import SaidCompletions
from tests.unit.ops.redriving.redrive_stage import Folder

RIGHT, CLOSE, WRONG = "right", "close", "wrong"
#: USD per million tokens, in and out.
PRICES = {"gpt-best": 8.0, "gpt-middle": 2.0, "gpt-worst": 0.5, "llama-judge": 1.0}


def says(word: str) -> Any:
    return lambda messages: f"{word}: {messages[-1]['content'][-6:]}"


def judges(messages: Sequence[Any]) -> str:
    """Right before close before wrong; of two alike it prefers what it reads first, as judges do."""
    shown = json.loads(messages[-1]["content"])
    order = [RIGHT, CLOSE, WRONG]
    first, second = (order.index(shown[one].split(":")[0]) for one in ("first", "second"))
    return json.dumps({"better": "second" if second < first else "first"})


@contextlib.asynccontextmanager
async def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judge: Any = judges, middle: Any = None
) -> AsyncIterator[dict[str, SaidCompletions]]:
    """Three targets and a judge, served while this is open."""
    async with contextlib.AsyncExitStack() as stack:
        planted = {
            "best": (says(RIGHT), 0.06),
            "middle": (middle or says(CLOSE), 0.03),
            "worst": (says(WRONG), 0.0),
        }
        servers = {
            name: await stack.enter_async_context(SaidCompletions(what, latency))
            for name, (what, latency) in (planted | {"judge": (judge, 0.0)}).items()
        }
        routes = {"default": "a", "routes": {"a": {"fallback": True, "targets": _targets(servers)}}}
        (prices := tmp_path / "prices.json").write_text(json.dumps(_price_book()))
        monkeypatch.setenv("PENSTOCK_ROUTES", json.dumps(routes))
        monkeypatch.setenv("PENSTOCK_PRICES", str(prices))
        monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
        folder = Folder(
            tmp_path / "penstock", PENSTOCK_ROUTES=json.dumps(routes), PENSTOCK_PRICES=str(prices)
        )
        await folder.prepare()
        stack.push_async_callback(folder.services.close)
        stack.enter_context(claim(tmp_path / "penstock"))
        announce(tmp_path / "penstock", Serving(os.getpid(), "test", {}))
        serving = asyncio.create_task(_serve(folder))
        stack.callback(serving.cancel)
        yield servers


def _targets(servers: dict[str, SaidCompletions]) -> list[dict[str, Any]]:
    models = {"judge": "llama-judge"}
    return [
        {"name": name, "provider": "openai", "model": models.get(name, f"gpt-{name}"), "base_url": s.base_url}
        for name, s in servers.items()
    ]


def _price_book() -> dict[str, Any]:
    models = {
        name: {"input": usd, "output": usd, "source": "planted", "confidence": "M"}
        for name, usd in PRICES.items()
    }
    sources = {"planted": {"title": "Planted for this test", "url": "https://example.com/prices"}}
    return {"currency": "USD", "as_of": "2026-11-21", "sources": sources, "models": models}


async def _serve(folder: Folder) -> None:
    while True:
        await folder.serve()
        await asyncio.sleep(0.01)


def wanted(file: Path | None = None, **fields: Any) -> Wanted:
    given = Wanted(file, None, "best,middle,worst", None, None, "acme", None, None, False, True, 60)
    return replace(given, **fields)


def questions(tmp_path: Path, many: int) -> Path:
    rows = [f"what is {number:06},right: {number:06}" for number in range(many)]
    (file := tmp_path / "questions.csv").write_text("\n".join(["prompt,expected", *rows]))
    return file


async def told(capsys: pytest.CaptureFixture[str], asked: Wanted) -> dict[str, Any]:
    capsys.readouterr()
    who = contestants(asked.targets, asked.judge, routes_named(None), grader=asked.grade)
    read = of_file(asked.file) if asked.file else None
    assert await run(asked, who, read, as_json=True) == 0
    lines = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads("\n".join(lines[lines.index("{") :]))  # before it, what served it says
    return found


@pytest.mark.slow
async def test_the_planted_order_is_found_and_asking_again_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stage(tmp_path, monkeypatch) as servers:
        asked = wanted(questions(tmp_path, 30), judge="judge", html=tmp_path / "report.html")
        found = await told(capsys, asked)
        best, middle, worst = (found["targets"][name] for name in ("best", "middle", "worst"))
        assert best["usd_per_1000"] > middle["usd_per_1000"] > worst["usd_per_1000"] > 0
        assert best["seconds_p50"] > middle["seconds_p50"] > worst["seconds_p50"]
        assert (best["right_share"], middle["right_share"]) == (1.0, 0.0)
        assert (middle["preference"], worst["preference"]) == (-1.0, -1.0)
        assert worst["agrees_share"] == 0.0
        for one in (middle, worst):
            less = one["less_baseline"]
            assert all(less[name]["sure"] and less[name]["by"] < 0 for name in ("usd", "right", "judged"))
            assert less["seconds"]["high"] < 0
        assert found["judge"] == {
            "target": "judge", "pairs": 60, "garbage": 0, "usd": pytest.approx(found["judge"]["usd"])
        }  # fmt: skip
        assert found["judge"]["usd"] > 0
        page = (tmp_path / "report.html").read_text()
        assert page.count("<svg") >= 18
        assert "http" not in page.replace("http-equiv", "")
        heard = {name: len(server.heard) for name, server in servers.items()}
        assert heard == {"best": 30, "middle": 30, "worst": 30, "judge": 120}
        # Asked again, and in another order: the same requests, which are answered already.
        again = await told(capsys, wanted(questions(tmp_path, 30), targets="worst,best"))
        assert {name: len(server.heard) for name, server in servers.items()} == heard
        for figure in ("usd_per_1000", "seconds_p50", "seconds_p95", "right_share"):
            assert again["targets"]["best"][figure] == best[figure]


@pytest.mark.slow
async def test_ten_questions_are_not_enough_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stage(tmp_path, monkeypatch, judge=lambda _: "I cannot say.") as servers:
        found = await told(capsys, wanted(questions(tmp_path, 10), judge="judge"))
        for name in ("middle", "worst"):
            assert set(found["targets"][name]["less_baseline"].values()) == {None}
            assert found["targets"][name]["preference"] is None
        # A judge that answers garbage judges nothing, and is said to.
        assert (found["judge"]["pairs"], found["judge"]["garbage"]) == (20, 20)
        who = contestants("best,middle", "judge", routes_named(None))
        (tmp_path / "more.jsonl").write_text('{"prompt": "one more", "model": "elsewhere"}')
        more = wanted(tmp_path / "more.jsonl", judge="judge", targets="best,middle")
        assert await run(more, who, of_file(tmp_path / "more.jsonl"), as_json=False) == 0
        shown = capsys.readouterr()
        assert "not enough data" in shown.out
        assert "1 of 1 pairs have no verdict" in " ".join(shown.err.split())
        assert servers["worst"].heard
        # The ledger holds comparisons alone, and those are not compared again.
        with pytest.raises(OperatorFault, match="no stored requests"):
            await run(wanted(from_ledger=5), who, None, as_json=True)


@pytest.mark.slow
async def test_a_planted_grader_tells_from_which_grade_on_a_cheap_answer_may_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 42 answers every fourteenth is wrong, and the grader sees it."""

    def cheap(messages: Sequence[Any]) -> str:
        number = messages[-1]["content"][-6:]
        return f"{RIGHT if int(number) % 14 else WRONG}: {number}"

    def grades(messages: Sequence[Any]) -> str:
        answer = json.loads(messages[-1]["content"])["answer"]
        return "8" if answer.startswith(RIGHT) else "3"

    async with stage(tmp_path, monkeypatch, judge=grades, middle=cheap) as servers:
        asked = wanted(
            questions(tmp_path, 42),
            targets="best,middle",
            grade="judge",
            about="The right word.",
            max_wrong=0.2,
        )
        found = await told(capsys, asked)
        by = found["targets"]["middle"]["thresholds"]["at_least"]
        assert by["lowest"] == 4
        assert [(one["stand"], one["wrong"]) for one in by["tried"]] == [
            *[(42, 3)] * 3,
            *[(39, 0)] * 5,
            *[(0, 0)] * 2,
        ]
        assert "thresholds" not in found["targets"]["best"]
        assert (len(servers["judge"].heard), len(servers["best"].heard)) == (42, 42)
        assert "What counts: The right word." in servers["judge"].heard[0]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.csv", "", "is empty"),
        ("q.jsonl", "\n", "is empty"),
        ("q.csv", "prompt,expected\n", "is empty"),
        ("q.csv", "prompt,expected\na,b\nc\n", "line 3: 1 columns, and the header has 2"),
        ("q.csv", "question\na\n", "header must name `prompt`"),
        ("q.csv", "prompt,prompt\na,b\n", "header must name `prompt`"),
        ("q.csv", "prompt,expected\n ,b\n", "the prompt is empty"),
        ("q.csv", 'prompt\n"a\n', "is no table"),
        ("q.jsonl", "{", "not JSON"),
    ],
)
def test_a_file_that_holds_no_questions_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (file := tmp_path / name).write_text(text)
    with pytest.raises(Misuse, match=said):
        of_file(file)


ROUTES = json.dumps(
    {
        "default": "a",
        "routes": {
            "a": {
                "choose": "cheapest",
                "targets": [
                    {"name": "one", "provider": "openai", "model": "gpt-5.4-nano"},
                    {"name": "same", "provider": "openai", "model": "gpt-5.4-nano"},
                    {"name": "two", "provider": "openai", "model": "gpt-5.4-mini"},
                    {
                        "name": "late",
                        "provider": "openai",
                        "model": "gpt-5.4",
                        "lane": "batch",
                        "max_output": 9,
                    },
                ],
            }
        },
    }
)


@pytest.mark.parametrize(
    ("targets", "judge", "said"),
    [
        ("one", None, "two targets or more"),
        ("one,one", None, "one and the same"),
        ("one,same", None, "one and same are one and the same"),
        ("one,three", None, "is no target of the routes"),
        ("one,late", None, "lane batch"),
        ("one,two", "one", "of its own family"),
    ],
)
def test_targets_that_cannot_be_compared_are_refused(
    targets: str, judge: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_ROUTES", ROUTES)
    with pytest.raises(Misuse, match=said):
        contestants(targets, judge, routes_named(None))


def test_nobody_grades_what_they_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ROUTES", ROUTES)
    assert contestants("one,two", None, routes_named(None), grader="one").grader is not None
    for grader in ("two", "three", "late"):
        with pytest.raises(Misuse, match="--grade"):
            contestants("one,two", None, routes_named(None), grader=grader)


def test_what_is_not_said_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="one of the two"):
        compare(wanted(), as_json=True)
    with pytest.raises(Misuse, match="--max-wrong must be a share"):
        compare(wanted(tmp_path / "q.csv", max_wrong=1.0), as_json=True)
    with pytest.raises(Misuse, match="--about tells --grade"):
        compare(wanted(tmp_path / "q.csv", about="x"), as_json=True)
    with pytest.raises(Misuse, match="say --yes"):
        compare(wanted(tmp_path / "q.csv", yes=False), as_json=True)
