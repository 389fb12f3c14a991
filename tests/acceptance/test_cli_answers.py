"""What others wrote, on a terminal and in a pipe: shown as it is, all of it, and without giving orders."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.penstock_command import Operator
from tests.acceptance.said_operator import OK, answered, on_a_terminal

ANSI = (
    "red \x1b[31mRED\x1b[0m title \x1b]0;owned\x07 [bold]not bold[/bold] [/red] :key: redis:key:1 "
    "[link=file:///etc/passwd]x[/link]"
)
SHOWN = (
    r"red \x1b[31mRED\x1b[0m title \x1b]0;owned\x07 [bold]not bold[/bold] [/red] :key: redis:key:1 "
    "[link=file:///etc/passwd]x[/link]"
)
#: What an answer may hold, and how it is shown to a person.
ANSWERS = {
    "ansi": (ANSI, SHOWN),
    "csi": ("a\x9b31mb\x85c", r"a\x9b31mb\x85c"),
    "overwrite": ("real\rfake\x08\x7f", r"real\x0dfake\x08\x7f"),
    "windows": ("one\r\ntwo\r\n", "one\ntwo\n"),
    "table": ("a\tb\tc\n1\t2\t3", "a\tb\tc\n1\t2\t3"),
    "bidi": ("user\u202enimda\u2066 \u200fשלום", "user\\u202enimda\\u2066 \u200fשלום"),
    "emoji": (":smile: :+1: 🏞️ \\[x] \\\\[/x]", ":smile: :+1: 🏞️ \\[x] \\\\[/x]"),
    "markup": ("[red]a[/red] [/] [@click=x]y[/] [[z]] [1]", "[red]a[/red] [/] [@click=x]y[/] [[z]] [1]"),
    "spaces": ("  two  spaces  \n\n\nend  ", "  two  spaces  \n\n\nend  "),
    "wide": ("x" * 5000, "x" * 5000),
    "nothing": ("\x00\x01\x1f", r"\x00\x01\x1f"),
    "tags": ("a\u2028b\U000e0041", "a\u2028b\U000e0041"),
}
LARGE = "é" * 400_000


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with answered(
        tmp_path_factory.mktemp("answers") / "penstock",
        {name: text for name, (text, _) in ANSWERS.items()} | {"large": LARGE},
    ) as operator:
        yield operator


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_shown_as_it_is_and_orders_no_terminal(operator: Operator, name: str) -> None:
    """Given an answer with markup, emoji codes or orders to a terminal. I expect its text, orders spelled."""
    text, shown = ANSWERS[name]

    piped, terminal = operator.run("get", name).out, on_a_terminal(operator, "get", name, both=False).out

    for told in (piped, terminal):
        header, _, answer = told.partition("\n\n")
        assert answer.removesuffix("\n").removesuffix("\n") == shown.removesuffix("\n")
        assert name in header
    assert operator.run("get", "--json", name).json["completion"]["text"] == text


def test_json_is_json_and_orders_no_terminal_either(operator: Operator) -> None:
    """Given the same answers as data. I expect no control character in it but line feeds."""
    for name in ("ansi", "csi", "bidi", "nothing"):
        told = on_a_terminal(operator, "get", "--json", name, both=False)
        assert json.loads(told.out)["completion"]["text"] == ANSWERS[name][0]
        assert not [sign for sign in told.out if unicodedata.category(sign) == "Cc" and sign != "\n"]
        assert "\u202e" not in told.out


def test_ids_keep_their_colons(operator: Operator) -> None:
    """Given ids that read like emoji codes. I expect them as they are wherever they are told."""
    name = "redis:key:1"
    told = [
        operator.run("publish", "--wait", "--id", name, "--tenant", "a:smile:b", "@ok Why?"),
        operator.run("get", "--tenant", "a:smile:b", name),
        on_a_terminal(operator, "get", "--tenant", "a:smile:b", name),
        operator.run("demo", "@ok :key: Why?"),
        operator.run("get", "unheard:key:of"),
        operator.run("redrive", "--dry-run", "--id", name),
        operator.run("publish", "--wait", "--model", "no:key:one", "--id", "lost:key:1", "Why?"),
    ]
    for done in told:
        assert ":key:" in done.out + done.err
        assert "🔑" not in done.out + done.err


def test_a_dead_letter_orders_no_terminal(operator: Operator) -> None:
    """Given a message that nobody can read, whose id is an order. I expect it spelled out on a terminal."""
    line = json.dumps({"prompt": 7, "request_id": "x\x1b]0;owned\x07", "tenant": "[red]"})
    file = Path(operator.env["HOME"]) / "orders.jsonl"
    file.write_text(line)
    for words in (["publish", "--unchecked", "--wait", "-f", str(file)], ["demo", str(file)]):
        done = on_a_terminal(operator, *words)
        assert r"x\x1b]0;owned\x07" in done.out
        assert "owned\x07" not in done.out


def test_an_error_text_orders_no_terminal(operator: Operator) -> None:
    """Given words on the command line and in the environment that are orders. I expect them spelled out."""
    order = "\x1b]0;owned\x07"
    for words in (
        ["get", order],
        ["get", "x", order],
        [order],
        ["publish", "-p", order, "x"],
        ["publish", "-f", order],
    ):
        done = on_a_terminal(operator, *words)
        assert done.code == 2
        assert order not in done.out
    done = on_a_terminal(operator.but(PENSTOCK_LOCAL=f"/dev/null/{order}"), "get", "x")
    assert done.code == 2
    assert order not in done.out


def test_a_large_answer_is_printed_where_it_is_waited_for(operator: Operator) -> None:
    """Given an answer too long for its result. I expect it whole from publish --wait, demo and get."""
    for words in (["publish", "--wait", "@large Why not?"], ["demo", "@large Why?"], ["get", "large"]):
        done = operator.run(*words)
        assert done.code == 0, done.err
        assert LARGE in done.out
    told = operator.run("publish", "--wait", "--json", "@large And why?").json
    assert told["completion"] is None
    assert told["completion_ref"]["uri"].startswith("file://")


def test_a_large_answer_that_is_gone_is_told_to_be_where_it_lay(operator: Operator) -> None:
    """Given that its blob was removed. I expect where it lay, and no empty answer without a word."""
    uri = operator.run("publish", "--wait", "--json", "--id", "gone", "@large Once more?").json[
        "completion_ref"
    ]["uri"]
    Path(uri.removeprefix("file://").replace("%3A", ":")).unlink()

    done = operator.run("get", "gone")

    assert uri in done.err
    assert "cannot be read" in done.err


POOR: dict[str, dict[str, str | None]] = {
    "dumb": {"TERM": "dumb"},
    "no TERM": {"TERM": None},
    "one column": {"TERM": "xterm"},
    "unknown TERM": {"TERM": "teletype-33"},
    "NO_COLOR": {"NO_COLOR": "1", "TERM": "xterm-256color"},
    "COLUMNS=20": {"COLUMNS": "20", "TERM": "xterm"},
    "COLUMNS=0": {"COLUMNS": "0", "TERM": "xterm"},
    "COLUMNS=x": {"COLUMNS": "wide", "TERM": "xterm"},
    "TERMINAL_WIDTH=x": {"TERMINAL_WIDTH": "wide", "TERM": "xterm"},
}


@pytest.mark.parametrize("poor", POOR)
def test_a_poor_terminal_is_enough(operator: Operator, poor: str) -> None:
    """Given a terminal without colours, or as narrow as can be. I expect ids and answers whole."""
    person, columns = operator.but(**POOR[poor]), 1 if poor == "one column" else 20
    for words in (["get", "ok"], ["demo", "@ok Why?", "@table And?"]):
        done = on_a_terminal(person, *words, columns=columns, both=False)
        assert done.code == 0, done.err
        assert OK in done.out
    assert "-01" in done.out
    assert ("\x1b[3" in done.out) == (poor not in ("dumb", "NO_COLOR"))
    assert on_a_terminal(person, "--help", columns=columns).code == 0
