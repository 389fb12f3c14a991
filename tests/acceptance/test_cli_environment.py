"""Environments and routes as people write them: what is wrong is named before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.penstock_command import Operator

KEY = "sk-proj-planted"
MODEL: dict[str, str | None] = {"OPENAI_BASE_URL": "https://127.0.0.1:1/v1", "PENSTOCK_DEFAULT_MODEL": "m"}


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator.at(tmp_path / "penstock")


#: What is set, and the words that name it.
SPOILT: dict[str, tuple[dict[str, str | None], str]] = {
    "docker's quotes": (
        {"OPENAI_BASE_URL": '"https://api.together.xyz/v1"'},
        "OPENAI_BASE_URL is no http(s) address",
    ),
    "a line break": (
        {"OPENAI_BASE_URL": "https://api.together.xyz/v1\n"},
        "OPENAI_BASE_URL is no http(s) address",
    ),
    "no scheme": (
        {"OPENAI_BASE_URL": "api.together.xyz/v1"},
        "OPENAI_BASE_URL is no http(s) address: api.together.xyz/v1",
    ),
    "half a scheme": ({"OPENAI_BASE_URL": "https:/"}, "OPENAI_BASE_URL is no http(s) address: https:/"),
    "a space behind": ({"OPENAI_BASE_URL": "https://a.b/v1 "}, "OPENAI_BASE_URL is no http(s) address"),
    "a key's line end": (
        MODEL | {"OPENAI_API_KEY": f"{KEY}\n"},
        "OPENAI_API_KEY ends with a space or a line break",
    ),
    "a key in quotes": ({"OPENAI_API_KEY": f'"{KEY}"'}, "OPENAI_API_KEY stands in quotes"),
    "a key's header": ({"OPENAI_API_KEY": f"Bearer {KEY}"}, "OPENAI_API_KEY holds a space"),
    "a long model": (
        MODEL | {"PENSTOCK_DEFAULT_MODEL": "m" * 300},
        "PENSTOCK_DEFAULT_MODEL must have at most 256",
    ),
    "a scale in words": (
        {"PENSTOCK_TIME_SCALE": "fast"},
        "PENSTOCK_TIME_SCALE must be a number from 1 to 10000, not 'fast'",
    ),
    "no file of routes": ({"PENSTOCK_ROUTES": "nowhere.json"}, "PENSTOCK_ROUTES names 'nowhere.json'"),
    "a comma too many": (
        {"PENSTOCK_ROUTES": '{\n  "default": "a",\n}'},
        "PENSTOCK_ROUTES is not JSON (line 3, column 1",
    ),
    "a field unknown": (
        {"PENSTOCK_ROUTES": '{"default": "a", "routes": {"a": {"targets": [], "retries": 3}}}'},
        "PENSTOCK_ROUTES: routes.a.retries is not a known field",
    ),
    "an address in the routes": (
        {
            "PENSTOCK_ROUTES": '{"default": "a", "routes": {"a": {"targets": [{"name": "t", "model": "m", '
            '"provider": "openai", "base_url": "api.together.xyz/v1"}]}}}'
        },
        "PENSTOCK_ROUTES: routes.a.targets[0].base_url is no http(s) address",
    ),
    "no file of prices": ({"PENSTOCK_PRICES": "nowhere.json"}, "PENSTOCK_PRICES names 'nowhere.json'"),
    "a folder in quotes": ({"PENSTOCK_LOCAL": '"penstock"'}, "PENSTOCK_LOCAL stands in quotes"),
    "nobody's home": ({"PENSTOCK_LOCAL": "~nobody-of-that-name/x"}, "PENSTOCK_LOCAL must name a folder"),
}


@pytest.mark.parametrize("verb", ["demo", "dev"])
@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_value_is_named_before_anything_starts(operator: Operator, case: str, verb: str) -> None:
    """Given one spoilt value. I expect exit code 2, its name and its cure, no key, and nothing started."""
    env, said = SPOILT[case]

    done = operator.but(**env).run(verb, *(["x"] if verb == "demo" else []))

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    for word in (KEY, "pydantic", "ValidationError", "unexpected"):
        assert word not in done.err
    assert not (Path(operator.env["HOME"]) / "penstock" / "logs").exists()


@pytest.mark.parametrize("case", ["a folder in quotes", "nobody's home"])
@pytest.mark.parametrize("words", [["get", "x"], ["publish", "x"], ["pause"], ["redrive", "--dry-run"]])
def test_every_verb_names_a_spoilt_folder(operator: Operator, case: str, words: list[str]) -> None:
    env, said = SPOILT[case]

    done = operator.but(**env).run(*words)

    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"PUBSUB_EMULATOR_HOST": "http://127.0.0.1:1"}, "PUBSUB_EMULATOR_HOST must be host:port"),
        ({"GOOGLE_CLOUD_PROJECT": '"p"'}, "GOOGLE_CLOUD_PROJECT stands in quotes"),
        ({"GOOGLE_CLOUD_PROJECT": "projects/p"}, "GOOGLE_CLOUD_PROJECT must be a project's id alone"),
        (
            {"PENSTOCK_REQUEST_TOPIC": "projects/p/topics/t"},
            "PENSTOCK_REQUEST_TOPIC must be a topic's id alone",
        ),
    ],
)
def test_every_verb_names_what_it_reads(operator: Operator, env: dict[str, str], said: str) -> None:
    hosts = {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"}
    done = operator.but(**{"PENSTOCK_LOCAL": None, "GOOGLE_CLOUD_PROJECT": "p", **hosts, **env}).run(
        "get", "x"
    )

    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_verb_that_asks_no_model_minds_no_model(operator: Operator) -> None:
    """Given a key, an address and routes that are spoilt. I expect what reads and publishes to work."""
    spoilt = operator.but(OPENAI_API_KEY=f'"{KEY}"', OPENAI_BASE_URL="x", PENSTOCK_ROUTES="{")

    assert spoilt.run("publish", "--id", "mine", "Why?").out == "mine\n"
    assert "not taken up yet" in spoilt.run("get", "mine").err


def test_a_price_book_with_a_fault_is_told_before_the_stack_starts(
    operator: Operator, tmp_path: Path
) -> None:
    book = tmp_path / "prices.json"
    book.write_text("{")

    for words in (["demo", "x"], ["dev"]):
        done = operator.but(PENSTOCK_PRICES=str(book)).run(*words)
        assert (done.code, done.out) == (2, "")
        assert str(book) in done.err


@pytest.mark.parametrize(
    "proxy",
    [
        {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"},
        {"http_proxy": "nonsense"},
        {"http_proxy": "socks5://127.0.0.1:1"},
        {"http_proxy": '"http://127.0.0.1:1"'},
    ],
)
def test_a_proxy_is_named_where_it_is_in_the_way(operator: Operator, proxy: dict[str, str]) -> None:
    """Given a proxy, which nothing here uses, and a server that is not reached. I expect the proxy named."""
    done = operator.but(OPENAI_BASE_URL="http://127.0.0.1:1/v1", **proxy).run("demo", "x")

    assert done.code == 1
    assert "OPENAI_BASE_URL" in done.err
    assert "uses no proxy" in done.err
    assert "unexpected" not in done.err
