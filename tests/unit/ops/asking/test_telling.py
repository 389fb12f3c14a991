"""How figures, reasons and log lines are told to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import Reason, SettingsError, StoreUnavailable
from penstock_ops.asking.publish_options import Options
from penstock_ops.local.events import Events, is_quiet, line
from penstock_ops.terminal.console import counted, dollars, tokens
from penstock_ops.terminal.durations import seconds
from penstock_ops.terminal.explained import EXPLAINED, explain
from penstock_ops.terminal.faults import Misuse, OperatorFault, exit_code, sentence


@pytest.mark.parametrize(
    ("usd", "told"),
    [(None, "unknown"), (0, "$0"), (0.0000123, "$0.000012"), (0.5, "$0.500000"), (1234.5, "$1,234.50")],
)
def test_amounts(usd: float | None, told: str) -> None:
    """An unknown price is never told as 0."""
    assert dollars(usd) == told


def test_counts_and_estimates() -> None:
    """One call, two calls; and tokens that were estimated are marked."""
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "estimated": False}

    assert (counted(1, "call"), counted(2000, "call")) == ("1 call", "2,000 calls")
    assert tokens(usage) == "3 → 5"
    assert tokens(usage | {"estimated": True}) == "~3 → 5"


def test_every_reason_is_explained() -> None:
    """Given the closed set of reasons. I expect words for each, and silence for one of a later version."""
    assert set(EXPLAINED) == set(Reason)
    assert explain("of a later version") == ""


@pytest.mark.parametrize(
    ("text", "told"), [("90", 90), ("1.5s", 1.5), ("10m", 600), ("2h", 7200), ("1d", 86400)]
)
def test_durations(text: str, told: float) -> None:
    """Seconds, or a number with its unit."""
    assert seconds(text) == told


@pytest.mark.parametrize("text", ["", "soon", "-1", "1w", "1 0", "١٠m" + "x"])
def test_what_is_no_duration(text: str) -> None:
    """I expect a sentence that shows how one is written."""
    with pytest.raises(Misuse, match="10m"):
        seconds(text)


def test_options_become_fields() -> None:
    """Values of params are JSON where they can be, else text; metadata is always text."""
    options = Options(params=("temperature=0.5", "stop=END"), metadata=("run=7",), max_wait="2m")

    assert options.fields() == {
        "params": {"temperature": 0.5, "stop": "END"},
        "metadata": {"run": "7"},
        "max_wait_s": 120,
    }


def test_how_errors_end() -> None:
    """A fault speaks for itself; what nobody expected says at least what it was."""
    assert exit_code(Misuse("m")) == 2
    assert exit_code(OperatorFault("f")) == exit_code(StoreUnavailable("s")) == exit_code(KeyError("k")) == 1
    assert sentence(OperatorFault("Start it.")) == "Start it."
    assert "two" in sentence(SettingsError(["one", "two"]))
    assert "KeyError" in sentence(KeyError("k"))


def test_a_growing_log_is_followed_line_by_line(tmp_path: Path) -> None:
    """Given a log that grows. I expect each whole line once, also those that are not the functions'."""
    log = tmp_path / "a.log"
    events = Events([log, tmp_path / "never.log"])

    assert list(events.new()) == []
    log.write_text('{"action": "a"}\n{"action": ')
    assert list(events.new()) == [{"action": "a"}]
    with log.open("a") as file:
        file.write('"b"}\nplain words\n[1]\n')
    assert list(events.new()) == [{"action": "b"}, {"message": "plain words"}, {"message": "[1]"}]
    events.close()


def test_what_a_log_line_says() -> None:
    """I expect who, what, and the figures; and a sweep that woke nobody to be kept quiet."""
    event = {"action": "request.finished", "message": "completed.", "tenant": "acme", "request_id": "r"}

    text, colour = line(event | {"cache": "hit", "reason": None})
    assert "acme/r completed. cache=hit" in text
    assert colour == ""
    assert line({"severity": "ERROR"})[1] == "red"
    assert is_quiet({"action": "sweep.finished", "woken": 0})
    assert not is_quiet({"action": "sweep.finished", "woken": 2})
