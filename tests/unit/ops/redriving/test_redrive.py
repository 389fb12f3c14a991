"""`penstock redrive` on a local folder: what goes back, what stays, and what never becomes a prompt."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.messages.envelope import format_time, parse_time
from penstock.messages.result import response_message
from penstock.paths import request_path
from penstock.ports import Put
from penstock.redriving.options import Options
from penstock_ops.redriving.options import options
from penstock_ops.redriving.redrive import redrive
from penstock_ops.terminal.faults import Misuse, OperatorFault
from tests.unit.ops.redriving.redrive_stage import SEEN, TOPOLOGY, Folder

Run = dict[str, Any]


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    for name in ("PENSTOCK_ROUTES", "OPENAI_API_KEY", "OPENAI_BASE_URL", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    made = Folder(tmp_path / "penstock")
    await made.prepare()
    yield made
    await made.services.close()


def asked(**given: Any) -> Options:
    default: Run = {
        "reasons": [], "tenant": None, "ids": [], "since": None, "until": None, "max_wait": None,
        "rate": 1000, "price": None, "force": False,
    }  # fmt: skip
    return options(**(default | given))


async def run(
    capsys: pytest.CaptureFixture[str], *, dry_run: bool = False, code: int = 0, **given: Any
) -> Run:
    """`penstock redrive --yes --json`, or with --dry-run; what it told."""
    capsys.readouterr()
    assert await redrive(asked(**given), dry_run=dry_run, yes=True, as_json=True) == code
    told: Run = json.loads(capsys.readouterr().out)
    return told


async def test_a_failed_request_goes_back_with_its_original_bytes(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a request that failed
    original = await folder.fail("r", tenant="acme")

    # If its letter is redriven
    before = datetime.now(UTC)
    told = await run(capsys, max_wait="10m")

    # I expect one message as docs/design.md §2.4 has it, and the letter gone
    assert told["redriven"] == 1
    [message] = await folder.requests()
    deadline = parse_time(message.attributes["deadline"])
    assert message.data == original
    assert {name: value for name, value in message.attributes.items() if name != "deadline"} == {
        "penstock_kind": "redrive", "tenant": "acme", "request_id": "r", "redrive_count": "1",
    }  # fmt: skip
    assert before + timedelta(minutes=10) <= deadline <= datetime.now(UTC) + timedelta(minutes=10)
    assert await folder.letters() == 0


async def test_a_redriven_request_completes(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await folder.fail("r")
    await run(capsys)
    await folder.serve()

    record = await folder.record("r")
    assert record.completed
    assert record.redrive_count == 1
    results = [json.loads(message.data) for message in await folder.drain(SEEN)]
    assert [(result["status"], result["redrive_count"]) for result in results] == [
        ("failed", 0),
        ("completed", 1),
    ]


async def test_a_redrive_that_fails_is_redriven_under_the_next_count(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await folder.fail("r")
    await run(capsys, max_wait="0.001")
    await folder.serve()
    assert (await folder.record("r")).completed is False
    await run(capsys, max_wait="1h")
    [message] = await folder.requests()
    assert message.attributes["redrive_count"] == "2"


async def test_a_dry_run_changes_nothing(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        await folder.fail(f"r{number}", params={"max_tokens": 100})
    told = await run(capsys, dry_run=True, price="gpt-5.4-nano")

    assert told["by_reason"] == {"deadline_exceeded": {"redrive": 3}}
    assert told["redriven"] == 0
    assert told["cost"]["requests"] == 3
    assert told["cost"]["prompt_tokens"] > 0
    assert 0 < told["cost"]["input_usd"] < told["cost"]["output_usd_at_most"]
    assert await folder.letters() == 3
    assert await folder.requests() == []


async def test_what_is_unknown_about_the_cost_is_said(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await folder.fail("r")
    assert (await run(capsys, dry_run=True))["cost"]["unknown_price"] == 1
    assert (await run(capsys, dry_run=True, price="gpt-5.4-nano"))["cost"]["unlimited_answers"] == 1
    await redrive(asked(), dry_run=True, yes=False, as_json=False)
    assert "is unknown" in capsys.readouterr().out


async def test_letters_that_are_not_meant_stay(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await folder.fail("one", tenant="acme")
    await folder.fail("two", tenant="acme")
    await folder.fail("three", tenant="other")

    assert (await run(capsys, dry_run=True, tenant="acme"))["matched"] == 2
    assert (await run(capsys, tenant="acme", ids=["one"]))["redriven"] == 1
    assert (await run(capsys, reasons=["internal"]))["matched"] == 0
    assert (await run(capsys, until="1h"))["matched"] == 0
    assert (await run(capsys, since="2099-01-01T00:00:00Z"))["matched"] == 0
    assert await folder.letters() == 2
    assert (await run(capsys, since="1h", reasons=["deadline_exceeded"]))["redriven"] == 2
    assert await folder.letters() == 0


async def test_an_id_that_no_letter_has_is_a_failure(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await folder.fail("r")
    assert (await run(capsys, ids=["nobody"], code=1))["matched"] == 0
    assert await folder.letters() == 1


async def test_what_has_an_answer_is_published_again_and_never_paid(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given an answered request, and a letter that claims that it failed
    body = json.dumps({"prompt": "Why?", "request_id": "r"}).encode()
    await folder.publish(body)
    await folder.serve()
    await folder.letter(
        body, reason="internal", source_topic="llm-requests", source_message_id="1", tenant="default",
        request_id="r",
    )  # fmt: skip

    told = await run(capsys)
    await folder.serve()

    # I expect no cost foreseen, no call, and the same result once more
    assert told["cost"]["requests"] == 0
    record = await folder.record("r")
    assert (record.calls, record.redrive_count, record.fence) == (1, 0, 1)
    first, second = await folder.drain(SEEN)
    assert first.data == second.data


async def test_a_letter_that_was_redriven_before_is_dropped(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a redriven letter whose ack was lost, and its request answered since
    original = await folder.fail("r")
    await run(capsys)
    await folder.serve()
    await folder.letter(
        original, reason="deadline_exceeded", source_topic="llm-requests", source_message_id="1",
        tenant="default", request_id="r",
    )  # fmt: skip

    told = await run(capsys)
    assert (told["dropped"], told["redriven"]) == (1, 0)
    assert await folder.letters() == 0
    assert await folder.requests() == []


async def test_letters_that_say_the_same_are_one_redrive(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    original = await folder.fail("r")
    await folder.letter(
        original, reason="deadline_exceeded", source_topic="llm-requests", source_message_id="1",
        tenant="default", request_id="r",
    )  # fmt: skip
    told = await run(capsys)
    assert (told["matched"], told["redriven"]) == (2, 1)
    assert len(await folder.requests()) == 1
    assert await folder.letters() == 0


async def test_three_redrives_are_the_end(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """If a request fails once more after three redrives, I expect its letter to stay, --force or not."""
    past = {"deadline": "2026-01-01T00:00:00Z"}
    original = await folder.fail("r", **past)
    for count in range(1, 4):
        attributes = {"penstock_kind": "redrive", "tenant": "default", "request_id": "r", **past}
        await folder.bus.publish(
            "llm-requests", original, attributes | {"redrive_count": str(count)}, timeout_s=10
        )
        await folder.serve()
    assert (await folder.record("r")).redrive_count == 3
    await run(capsys, dry_run=True)

    for force in (False, True):
        told = await run(capsys, force=force)
        assert told["redriven"] == 0
        [stays] = [letter for letter in told["letters"] if letter["do"] == "stay"]
        assert "redriven 3 times" in stays["why"]
    assert await folder.letters() == 1


async def test_the_wait_is_the_original_one_unless_told(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a request that was to take 90 s at most, and was never taken up in time
    await folder.letter(
        json.dumps({"prompt": "Why?", "request_id": "r", "max_wait_s": 90}).encode(),
        reason="deadline_exceeded", source_topic="llm-requests", source_message_id="1", tenant="default",
        request_id="r",
    )  # fmt: skip
    before = datetime.now(UTC)
    await run(capsys)
    [message] = await folder.requests()
    deadline = parse_time(message.attributes["deadline"])
    assert timedelta(seconds=90) <= deadline - before <= timedelta(seconds=90) + (datetime.now(UTC) - before)


async def test_a_malformed_letter_stays_unless_it_is_named_and_can_be_read(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a message that is no request, and one whose model had no route
    await folder.publish(b'{"prompt": 7}')
    unrouted = json.dumps({"prompt": "Why?", "model": "unheard-of"}).encode()
    message_id = await folder.publish(unrouted)
    await folder.serve()

    told = await run(capsys)
    assert [letter["do"] for letter in told["letters"]] == ["stay", "stay"]

    # If malformed is named, I expect the second to go, under the id that it would have had
    told = await run(capsys, reasons=["malformed"])
    assert sorted(letter["do"] for letter in told["letters"]) == ["redrive", "stay"]
    [message] = await folder.requests()
    assert message.data == unrouted
    assert message.attributes["request_id"] == message_id
    assert await folder.letters() == 1


async def test_a_conflict_stays(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await folder.publish({"prompt": "First?", "request_id": "r"})
    await folder.publish({"prompt": "Second?", "request_id": "r"})
    await folder.serve()
    [letter] = (await run(capsys))["letters"]
    assert letter["do"] == "stay"
    assert "new" in letter["why"]
    assert await folder.letters() == 1


async def test_an_original_over_nine_megabytes_is_read_from_the_bucket(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    original = await folder.fail("long", prompt="x" * 9_500_000)
    await run(capsys)
    [message] = await folder.requests()
    assert message.data == original


async def test_a_letter_whose_redrive_is_not_taken_stays(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given an original so long that the redrive's attributes do not fit beside it any more."""
    body = json.dumps({"prompt": "", "request_id": "long", "deadline": "2026-01-01T00:00:00Z"})
    await folder.publish(body.replace('""', f'"{"x" * (9_999_990 - len(body))}"').encode())
    await folder.serve()
    assert await folder.letters() == 1
    capsys.readouterr()
    with pytest.raises(OperatorFault, match="Pub/Sub takes 10,000,000"):
        await redrive(asked(), dry_run=False, yes=True, as_json=True)
    assert await folder.letters() == 1
    assert await folder.requests() == []


async def test_one_failed_publish_does_not_keep_the_others(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    body = json.dumps({"prompt": "", "request_id": "long", "deadline": "2026-01-01T00:00:00Z"})
    await folder.publish(body.replace('""', f'"{"x" * (9_999_990 - len(body))}"').encode())
    await folder.fail("short")
    told = await run(capsys, code=1)
    assert (told["redriven"], told["failed"]) == (1, 1)
    assert await folder.letters() == 1


# Pub/Sub's own copies


async def test_a_result_is_never_redriven_as_a_prompt(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await folder.publish({"prompt": "Why?", "request_id": "r"})
    await folder.serve()
    await folder.drain(SEEN)
    record = await folder.record("r")
    data, attributes = response_message(record.result or {}, None)
    for subscription in (TOPOLOGY.response_subscription, "a-consumers-own"):
        await folder.copy(subscription, data, format_time(datetime.now(UTC)), **attributes)
    # and whatever else a response subscription gave up, were it a prompt
    prompt = b'{"prompt": "Why?", "request_id": "x"}'
    await folder.copy(TOPOLOGY.response_subscription, prompt, format_time(datetime.now(UTC)))
    await folder.letter(prompt, reason="malformed", source_topic="llm-responses", source_message_id="1")

    told = await run(capsys, force=True)
    malformed = await run(capsys, force=True, reasons=["malformed"])

    assert (told["redriven"], told["published_again"]) == (0, 3)
    assert malformed["redriven"] == 0
    assert await folder.requests() == []
    again = await folder.drain(SEEN)
    assert [message.data for message in again] == [data, data, prompt]
    assert again[0].attributes == attributes


async def test_a_wake_is_dropped(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    wake = {"penstock_kind": "wake", "tenant": "default", "request_id": "r", "fence": "1"}
    await folder.copy(TOPOLOGY.request_subscription, b"", format_time(datetime.now(UTC)), **wake)
    told = await run(capsys)
    assert told["dropped"] == 1
    assert await folder.letters() == 0
    assert await folder.requests() == []


async def test_a_copy_with_an_id_is_redriven(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    published = format_time(datetime.now(UTC) - timedelta(hours=2))
    data = b'{"prompt": "Why?", "request_id": "r", "max_wait_s": 60}'
    await folder.copy(TOPOLOGY.request_subscription, data, published, tenant="acme", reason="mine")
    told = await run(capsys, reasons=["undeliverable"])
    assert told["by_reason"] == {"undeliverable (request, never answered)": {"redrive": 1}}
    await folder.serve()
    record = await folder.record("r", "acme")
    assert record.completed
    assert record.redrive_count == 1


async def test_a_copy_of_a_redrive_keeps_its_count(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    original = await folder.fail("r")
    await folder.drain(TOPOLOGY.dead_letter_subscription)
    redriven = {
        "penstock_kind": "redrive", "tenant": "default", "request_id": "r", "redrive_count": "1",
        "deadline": format_time(datetime.now(UTC)),
    }  # fmt: skip
    await folder.copy(TOPOLOGY.request_subscription, original, format_time(datetime.now(UTC)), **redriven)
    await run(capsys)
    await folder.serve()
    assert (await folder.record("r")).redrive_count == 1
    assert (await folder.record("r")).completed


async def test_a_copy_without_an_id_is_found_by_payload_and_publish_time(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given two identical anonymous requests that failed, and copies of both and of a third
    data = b'{"prompt": "Why?", "deadline": "2026-01-01T00:00:00Z"}'
    ids = [await folder.publish(data) for _ in range(2)]
    await folder.serve()
    await folder.drain(TOPOLOGY.dead_letter_subscription)
    for request_id in ids:
        published = (await folder.record(request_id)).published_at
        await folder.copy(TOPOLOGY.request_subscription, data, format_time(published))
    stranger = await folder.copy(
        TOPOLOGY.request_subscription, data, format_time(datetime.now(UTC) - timedelta(days=1))
    )

    # If they are redriven, I expect each of the two to be its own request, and the third to wait for --force
    told = await run(capsys)
    messages = await folder.requests()
    assert sorted(message.attributes["request_id"] for message in messages) == sorted(ids)
    [stays] = [letter for letter in told["letters"] if letter["do"] == "stay"]
    assert stays["message_ids"] == [stranger]
    assert "--force" in stays["why"]
    assert await folder.letters() == 1

    await run(capsys, force=True)
    [forced] = await folder.requests()
    assert forced.attributes["request_id"] == f"undelivered-{stranger}"
    assert await folder.letters() == 0


async def test_a_stored_request_that_cannot_be_read_keeps_only_its_own_letter(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given two failed requests, one since written by a later version, and a copy without an id
    await folder.fail("r")
    await folder.fail("tomorrow")
    path = request_path("default", "tomorrow")
    await folder.services.store.commit([Put(path, {"state": "of tomorrow"})], timeout_s=10)
    await folder.copy(TOPOLOGY.request_subscription, b'{"prompt": "Hello?"}', "2026-01-01T00:00:00Z")

    # If they are redriven
    capsys.readouterr()
    assert await redrive(asked(), dry_run=False, yes=True, as_json=True) == 0
    told = capsys.readouterr()

    # I expect the readable one back, and the other named where it stays
    report = json.loads(told.out)
    assert report["redriven"] == 1
    [stays] = [one for one in report["letters"] if one["request_id"] == "tomorrow"]
    assert stays["do"] == "stay"
    assert path in stays["why"]
    assert path in told.err  # the copy might be its own
    assert await folder.letters() == 2


async def test_what_is_no_dead_letter_stays(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await folder.letter(b"hello", reason="because")
    [letter] = (await run(capsys, force=True))["letters"]
    assert letter["do"] == "stay"
    assert await folder.letters() == 1


async def test_a_copy_of_what_is_being_worked_on_is_dropped(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a request that is stored and paused, its copy has nothing to add: nothing is lost."""
    from penstock_ops.upkeep.pause import pause

    data = b'{"prompt": "Why?", "request_id": "r"}'
    await pause(None, as_json=True)
    await folder.publish(data)
    await folder.serve()
    await folder.copy(TOPOLOGY.request_subscription, data, format_time(datetime.now(UTC)))
    told = await run(capsys)
    assert (told["dropped"], told["redriven"]) == (1, 0)


# Bad input

MISUSES: dict[str, tuple[Run, str]] = {
    "an unknown reason": ({"reasons": ["bored"]}, "the reasons are"),
    "a bad tenant": ({"tenant": "a b"}, "--tenant"),
    "a bad id": ({"ids": ["a/b"]}, "--id"),
    "a bad time": ({"since": "yesterday"}, "two hours ago"),
    "an absurd duration": ({"since": "9" * 30 + "d"}, "two hours ago"),
    "an empty span": ({"since": "1h", "until": "2h"}, "before --until"),
    "too long a wait": ({"max_wait": "40d"}, "31d"),
    "no wait": ({"max_wait": "0"}, "more than nothing"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_is_told_in_a_sentence(misuse: str) -> None:
    given, expected = MISUSES[misuse]
    with pytest.raises(Misuse, match=expected):
        asked(**given)


async def test_a_price_that_the_book_lacks(folder: Folder) -> None:
    with pytest.raises(Misuse, match="price book"):
        await redrive(asked(price="gold"), dry_run=True, yes=False, as_json=True)


async def test_nobody_to_ask(folder: Folder) -> None:
    with pytest.raises(Misuse, match="--yes"):
        await redrive(asked(), dry_run=False, yes=False, as_json=False)
