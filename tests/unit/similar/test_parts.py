"""The pure parts of similar answers: what may be asked so, what is compared, said and drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.bootstrap import build
from penstock.errors import SettingsError
from penstock.messages.audited import AUDIT, audit_attribute, audited
from penstock.messages.request import CacheMode, Request
from penstock.settings import read_settings
from penstock.similar.compared import differ
from penstock.similar.eligible import question_of
from penstock.similar.evidence import THRESHOLDS, Evidence
from penstock.similar.questions import judging, says_yes, verifying
from penstock.similar.rule import GRID, ONE_BAR, alarm
from penstock.similar.standing import Standing, drawn
from penstock.targets.routes import parse_routes

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ASKED = Request(
    tenant="acme", request_id="r", messages=({"role": "user", "content": " How do I pay? "},), model=None,
    params={}, cache=CacheMode.SIMILAR, deadline=NOW, metadata={}, payload_sha256="",
)  # fmt: skip
SYSTEM = {"role": "system", "content": "Be brief."}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def asking(*contents: Any, **more: Any) -> Request:
    messages = tuple(
        said if isinstance(said, dict) else {"role": "user", "content": said} for said in contents
    )
    return replace(ASKED, messages=messages, **more)


def test_a_question_of_text_alone_may_be_answered_so() -> None:
    assert question_of(ASKED) == "How do I pay?"
    assert question_of(asking(SYSTEM, "How do I pay?")) == "How do I pay?"
    parts = [{"type": "text", "text": "How do"}, {"type": "text", "text": "I pay?"}]
    assert question_of(asking(parts)) == "How do\nI pay?"


@pytest.mark.parametrize(
    "request_",
    [
        replace(ASKED, cache=CacheMode.USE),
        replace(ASKED, params={"tools": [{"type": "function"}]}),
        asking("What is it?", {"role": "assistant", "content": "A gate."}, "And then?"),
        asking(SYSTEM),
        asking([{"type": "text", "text": "What is this?"}, IMAGE]),
        asking(""),
        asking("x" * 8_001),
        asking("What is the latest release?"),
        asking("What happened TODAY?"),
        asking("Was gibt es heute?"),
        asking("Who won last week?"),
    ],
)
def test_others_may_not(request_: Request) -> None:
    assert question_of(request_) is None


@pytest.mark.parametrize("said", ["What does nowhere mean?", "Define latestness.", "Is a tornado loud?"])
def test_a_word_that_only_holds_a_volatile_one_does_not_count(said: str) -> None:
    assert question_of(asking(said)) == said


JSON = {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize(
    ("params", "one", "other", "differs"),
    [
        ({}, "Yes, you can.", " yes,  you can. ", False),
        ({}, "Yes.", "You can.", None),
        (JSON, '{"a": 1, "b": 2}', '{"b": 2, "a": 1.0}', False),
        (JSON, '{"a": 1}', '{"a": 2}', True),
        (JSON, '{"a": 1}', "no JSON", True),
    ],
)
def test_answers_are_compared_as_far_as_they_can_be(
    params: dict[str, Any], one: str, other: str, differs: bool | None
) -> None:
    assert differ(params, one, other) is differs


@pytest.mark.parametrize(
    ("text", "finish", "yes"),
    [("yes", "stop", True), (' "Yes." ', "stop", True), ("no", "stop", False), ("yes", "length", False),
     ("Yes, if", "stop", False), ("", "stop", False), ("yes no", "stop", False)],
)  # fmt: skip
def test_only_a_yes_is_a_yes(text: str, finish: str, yes: bool) -> None:
    assert says_yes({"text": text, "finish_reason": finish}) is yes
    assert says_yes(None) is False


def test_a_judge_cannot_tell_which_answer_was_stored() -> None:
    assert judging("Why?", "a", "b") == judging("Why?", "b", "a")
    assert "Why?" in verifying("How?", "Why?")["messages"][1]["content"]


def at(place: int, n: int, k: int, **more: Any) -> Standing:
    counts = [(n, k) if i <= place else (0, 0) for i in range(GRID)]
    return Standing(Evidence(counts), **more)


def test_a_way_opens_at_its_lowest_threshold_and_says_since_when() -> None:
    change = at(2, 119, 0).change(0.05, NOW, judged=False)
    assert change == {"open": 0, "open_for": 0.05, "open_n": 119, "open_k": 0, "opened_at": NOW, "hits": 0}
    assert at(2, 118, 0).change(0.05, NOW, judged=False) is None


def test_a_judge_that_was_not_tried_opens_nothing_and_one_that_misses_needs_more() -> None:
    assert at(0, 5_000, 0).change(0.05, NOW, judged=True) is None
    assert at(0, 119, 0, planted=299).change(0.05, NOW, judged=True) is None
    assert at(0, 125, 0, planted=299).change(0.05, NOW, judged=True) is not None
    assert at(0, 125, 0, planted=299, missed=60).change(0.05, NOW, judged=True) is None


def test_an_open_way_serves_those_who_allow_as_many_wrong_ones() -> None:
    open_ = at(3, 300, 0, open=3, open_for=0.05, since=(300, 0))
    assert open_.serves_from(0.05) == THRESHOLDS[3]
    assert open_.serves_from(0.10) == THRESHOLDS[3]
    assert open_.serves_from(0.02) is None
    assert replace(open_, closed=True).serves_from(0.05) is None
    # For a smaller share it opens anew, by what is known.
    change = at(3, 303, 0, open=3, open_for=0.05).change(0.02, NOW, judged=False)
    assert change is not None
    assert change["open_for"] == 0.02


def test_the_mirrored_test_closes_what_is_wrong_more_often_and_not_what_is_so_as_often() -> None:
    bad = at(0, 150, 20, open=0, open_for=0.05, since=(119, 0))
    assert bad.change(0.05, NOW, judged=False) == {"closed_at": NOW}
    as_allowed = at(0, 119 + 400, 20, open=0, open_for=0.05, since=(119, 0))
    assert as_allowed.change(0.05, NOW, judged=False) is None
    closed = replace(bad, closed=True)
    assert closed.change(0.05, NOW, judged=False) is None


@pytest.mark.parametrize("delta", [0.001, 0.01, 0.05, 0.3, 0.6, 0.95])
def test_the_alarms_stake_never_grows_in_expectation_while_as_few_are_wrong(delta: float) -> None:
    for share in (delta, delta / 2, delta / 10):
        expected = share * alarm(1, 1, delta) + (1 - share) * alarm(1, 0, delta)
        assert expected <= 1 + 1e-12
    assert alarm(1_000, 1_000, delta) >= ONE_BAR


def test_more_is_judged_at_first_and_the_share_is_the_settings_afterwards() -> None:
    open_ = at(0, 200, 0, open=0, open_for=0.05)
    assert open_.share(0.05, 0.05) == 0.2
    assert replace(open_, hits=500).share(0.05, 0.05) == 0.05
    assert replace(open_, hits=1).share(0.05, 0.5) == 0.5
    assert at(0, 0, 0).share(0.05, 0.05) == 1.0
    assert at(0, 2_000, 500).share(0.05, 0.05) == 0.05


def test_a_draw_is_the_requests_own_and_as_frequent_as_it_says() -> None:
    assert drawn("t", "r", 0.0) is False
    assert drawn("t", "r", 1.0) is True
    assert abs(sum(drawn("t", f"r{i}", 0.2) for i in range(10_000)) - 2_000) < 200


def test_what_a_judges_message_says_of_its_case_is_read_back_or_refused() -> None:
    audit = {"step": "judge", "of": "r1", "way": {"route": "faq"}, "cosine": 0.9}
    assert audited(audit_attribute(audit)) == audit
    assert audited({}) is None
    for broken in ("{", "[]", '{"step": "other"}', '{"step": "judge", "of": 1, "cosine": 0.9, "way": {}}'):
        with pytest.raises(Exception, match="set by Penstock alone"):
            audited({AUDIT: broken})


def routes(**similar: Any) -> str:

    def target(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "provider": "openai", "model": name, **more}

    said = {"max_wrong": 0.05, "embedder": "embedding"} | similar
    lazy = target("lazy", lane="batch", max_output=10)
    return json.dumps(
        {
            "default": "faq",
            "routes": {
                "faq": {"similar": said, "targets": [target("mini")]},
                "embedding": {"targets": [target("embedding")]},
                "own": {
                    "targets": [{"name": "own", "provider": "tgi", "model": "m", "base_url": "http://a"}]
                },
                "judging": {"choose": "cheapest", "targets": [lazy, target("judge")]},
                "local": {
                    "similar": {"max_wrong": 0.5, "embedder": "embedding", "dimension": 1536},
                    "targets": [target("mini")],
                },
            },
        }
    )


@pytest.mark.parametrize(
    ("similar", "fault"),
    [
        ({"max_wrong": 0.0}, "routes.faq.similar.max_wrong must be greater than 0."),
        ({"max_wrong": 1.0}, "routes.faq.similar.max_wrong must be less than 1."),
        ({"cap": 0}, "routes.faq.similar.cap must be at least 1."),
        ({"audit": 0.0}, "routes.faq.similar.audit must be greater than 0."),
        ({"threshold": 0.9}, "routes.faq.similar.threshold is not a known field: leave it out."),
        (
            {"embedder": "nobody"},
            "has a similar.embedder that is no target of any route: name one, or say local.",
        ),
        ({"embedder": "own"}, "has a similar.embedder that is no openai server that answers at once"),
        ({"embedder": "local", "dimension": 64}, "has a similar.embedder that makes 512 numbers of a text"),
        ({"verifier": "nobody"}, "has a similar.verifier that is no target of any route: name one."),
        ({"verifier": "embedding"}, "has a similar.verifier that is its embedder, which answers nothing"),
        ({"judge": "lazy"}, "has a similar.judge in a lane that waits"),
        ({"dimension": 64}, "has an embedder of 1536 numbers, and the index of all routes has one dimension"),
        ({"dimension": 2049}, "routes.faq.similar.dimension must be at most 2048."),
    ],
)
def test_every_fault_of_the_setting_is_a_sentence(similar: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_routes(routes(**similar))
    assert any(fault in said for said in raised.value.faults), raised.value.faults


def test_a_judge_may_be_a_route_with_its_lanes() -> None:
    similar = parse_routes(routes(judge="judging", verifier="judge")).routes["faq"].similar
    assert similar is not None
    assert (similar.judge, similar.numbers, similar.cap, similar.audit) == ("judging", 1536, 2_000, 0.05)


def test_a_local_embedder_that_is_not_installed_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("penstock.bootstrap.find_spec", lambda name: None)
    said = json.loads(routes(embedder="local"))
    del said["routes"]["local"], said["routes"]["judging"]
    settings = read_settings({"PENSTOCK_LOCAL": str(tmp_path), "PENSTOCK_ROUTES": json.dumps(said)})
    with pytest.raises(SettingsError, match="is local, and it is not installed"):
        build(settings)
