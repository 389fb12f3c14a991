"""A route with a target in lane background: each bad one gets a sentence that says what to change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import SettingsError
from penstock.targets.routes import parse_routes

PROMPT = {"name": "prompt", "provider": "openai", "model": "m"}


def kept(**fields: Any) -> dict[str, Any]:
    return {"name": "kept", "provider": "openai", "model": "m", "lane": "background"} | fields


def text(*targets: dict[str, Any], **route: Any) -> str:
    return json.dumps({"default": "a", "routes": {"a": {"targets": list(targets)} | route}})


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (text(kept(provider="offline")), "say provider: openai"),
        (text(PROMPT | {"window": "2h"}), "has a window, which only lane: background uses"),
        (text(kept(window="3h")), "window must be '2h' or '8h'"),
        (text(kept(window="2h")), "may take 2h, and its route keeps no deadline for it"),
        (text(kept(max_output=9), choose="cheapest"), "background alone: add one that answers at once"),
        (text(kept(), PROMPT, choose="cheapest"), "give it a max_output"),
        (
            text(kept(window="8h", max_output=9, service_tier="flex"), PROMPT, choose="cheapest"),
            "at the standard tier alone",
        ),
        (text(kept(prompt_cache=True)), "which has no prompt_cache"),
        (text(kept(logprobs=True)), "which has no logprobs"),
        (text(kept(max_tokens_as="max_tokens")), "which has no max_tokens_as"),
        (text(kept(max_lines=9)), "which only lane: batch uses"),
    ],
)
def test_a_fault_is_named(routes: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_routes(routes)
    assert any(said in fault for fault in caught.value.faults), caught.value.faults


def test_a_target_without_a_window_may_be_all_there_is() -> None:
    [target] = parse_routes(text(kept())).targets.values()
    assert (target.waits, target.asked_in) == (True, "background")
