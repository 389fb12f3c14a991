"""`penstock run` and its verbs at a shell: real processes, one local stack, an OpenAI-compatible server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.penstock_command import Operator, openai_server

PIPELINE = """
version: 1
steps:
  - id: label
    map:
      as: label
      request:
        prompt: "Which team? {{item.text}}"
        params: {max_tokens: 5, temperature: 0}
"""


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("runs") / "penstock"
    with openai_server() as url:
        operator = Operator.at(
            folder,
            PENSTOCK_RUNS_TOPIC="llm-runs",
            OPENAI_BASE_URL=f"{url}/v1",
            OPENAI_API_KEY="sk",
            PENSTOCK_DEFAULT_MODEL="gpt-5.4-nano",
        )
        with operator.dev():
            yield operator


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "classify.yaml").write_text(PIPELINE)
    lines = [json.dumps({"id": f"t{n}", "text": f"ticket {n}"}) for n in range(30)]
    (tmp_path / "tickets.jsonl").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.timeout(400)
def test_a_run_from_its_file_to_its_rows(operator: Operator, files: Path) -> None:
    words = (
        "run",
        str(files / "classify.yaml"),
        "--items",
        str(files / "tickets.jsonl"),
        "--max-in-flight",
        "20",
    )
    dry = operator.run(*words, "--dry-run", "--json")
    assert (dry.code, dry.json["requests"]) == (0, 30)
    assert 0 < dry.json["input_usd"] < dry.json["input_usd"] + dry.json["output_usd_at_most"]
    assert operator.run("runs", "--json").lines == [], "a dry run published something"

    ended = operator.run(*words, "--id", "nightly", "--wait", "--json")
    assert (ended.code, ended.json["status"]) == (0, "succeeded")
    [step] = ended.json["steps"]
    assert (step["step"], step["ok"], step["pages"]) == ("label", 30, 2)
    assert ended.json["usd"] > 0

    rows = operator.run("run", "show", "nightly", "--rows").lines
    assert [row["id"] for row in rows] == [f"t{n}" for n in range(30)]
    assert {sorted(row["item"]) == ["id", "label", "text"] for row in rows} == {True}

    # The same again is answered by the cache
    again = operator.run(*words, "--id", "again", "--wait", "--json")
    assert (again.code, again.json["usd"]) == (0, 0)
    assert [run["run_id"] for run in operator.run("runs", "--json").lines] == ["again", "nightly"]
    assert "succeeded" in operator.run("run", "show", "nightly").out


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("redrive", "nothing to redrive"),
        ("cancel", "the run is over"),
        ("resume", "the run is over"),
    ],
)
def test_a_verb_that_means_nothing_to_the_run_says_so(
    operator: Operator, files: Path, verb: str, says: str
) -> None:
    (files / "two.csv").write_text("id,text\n1,one\n2,two\n")
    words = ("run", str(files / "classify.yaml"), "--items", str(files / "two.csv"))
    assert operator.run(*words, "--id", "small", "--wait").code == 0
    told = operator.run("run", verb, "small")
    assert told.code == 1
    assert says in told.err


@pytest.mark.parametrize(
    ("pipeline", "items", "says"),
    [
        ("version: 1\nsteps: []", "a", "`steps` must not be empty"),
        ("version: [", "a", "is not YAML (line 1"),
        ("&a [*a]", "a", "refers to itself"),
        ("version: 1\nsteps: 2026-01-01", "a", "a text such as a date needs quotes"),
        (PIPELINE, "", "has no items"),
        (PIPELINE, '{"id": 1}\n{"id": 1}', "Two items have the same `id`"),
        (PIPELINE, '{"half', "item 1 cannot be read as JSON"),
        (PIPELINE, '{"id": true}', "`items[0].id` must be"),
    ],
)
def test_what_cannot_be_a_run_is_refused_before_anything_is_published(
    operator: Operator, tmp_path: Path, pipeline: str, items: str, says: str
) -> None:
    (tmp_path / "p.yaml").write_text(pipeline)
    (tmp_path / "i.jsonl").write_text(items)
    done = operator.run("run", str(tmp_path / "p.yaml"), "--items", str(tmp_path / "i.jsonl"))
    assert done.code == 2
    assert says in done.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--budget", "0"), 2, "--budget must be above 0"),
        (("--callback", "Not_A_Name"), 2, "--callback must be 1 to 63 characters"),
        (("--callback", "crm"), 1, "PENSTOCK_CALLBACKS_TOPIC=llm-callbacks"),
    ],
)
def test_a_budget_or_an_endpoint_that_cannot_be_is_refused_before_anything_is_published(
    operator: Operator, files: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    start = ("run", str(files / "classify.yaml"), "--items", str(files / "tickets.jsonl"))
    done = operator.run(*start, *words)
    assert done.code == code
    assert says in done.err


def test_a_budget_that_does_not_reach_pauses_and_whoever_waits_is_told(
    operator: Operator, files: Path
) -> None:
    words = ("run", str(files / "classify.yaml"), "--items", str(files / "tickets.jsonl"))
    done = operator.run(*words, "--id", "poor", "--budget", "0.000001", "--wait")
    assert done.code == 1
    assert "The questions alone are about" in done.err
    assert "its budget is exhausted. The next page may cost $" in done.err
    assert operator.run("run", "show", "poor", "--json").json["budget"]["spent_usd"] == 0
    assert "its budget is exhausted" in operator.run("run", "resume", "poor").err
    assert "can be raised, and not lowered" in operator.run("run", "resume", "poor", "--budget", "1e-7").err
    assert operator.run("run", "resume", "poor", "--budget", "1").code == 0
    assert operator.run("run", "show", "poor", "--follow", "--json").json["status"] == "succeeded"


def test_switched_off_the_verbs_say_how_to_switch_it_on(operator: Operator, files: Path) -> None:
    off = operator.but(PENSTOCK_RUNS_TOPIC=None)
    done = off.run("run", str(files / "classify.yaml"), "--items", str(files / "tickets.jsonl"))
    assert done.code == 1
    assert "PENSTOCK_RUNS_TOPIC=llm-runs" in done.err
    assert "there is no run nobody" in operator.run("run", "show", "nobody").err
