"""Routes: aliases, ordered targets, and every fault named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import BadMessage, SettingsError
from penstock.targets.routes import parse_routes


def target(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "provider": "openai", "model": "m"} | changes


def routes(default: str = "a", **by_alias: dict[str, Any]) -> str:
    return json.dumps({"default": default, "routes": by_alias})


def faults_of(text: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        parse_routes(text)
    return error.value.faults


def test_an_alias_resolves_to_its_targets_in_order() -> None:
    parsed = parse_routes(
        routes(
            a={"targets": [target("one"), target("two")], "fallback": True},
            b={"targets": [target("two"), target("one")]},
        )
    )
    assert [t.name for t in parsed.resolve(None).eligible] == ["one", "two"]
    # Without fallback only the first may answer
    assert [t.name for t in parsed.resolve("b").eligible] == ["two"]


def test_an_unknown_alias_names_the_known_ones() -> None:
    parsed = parse_routes(routes(a={"targets": [target("one")]}, b={"targets": [target("one")]}))
    with pytest.raises(BadMessage, match=r"a, b"):
        parsed.resolve("gpt-17")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", "neither the path"),
        ("[]", "whole value"),
        (routes(default="none", a={"targets": [target("one")]}), "'none'"),
        (routes(a={"targets": []}), "targets"),
        (routes(a={"targets": [target("one", provider="other")]}), "provider"),
        (routes(a={"targets": [target("one", timeout_s=481)]}), "timeout_s"),
        (routes(a={"targets": [target("one", lane="batch")]}), "lane"),
        (routes(a={"targets": [target("one", colour="red")]}), "colour"),
        (routes(a={"targets": [target("one", base_url="ftp://x")]}), "base_url"),
        (routes(a={"targets": [target("one", secret="sk-123")]}), "secret"),
        (routes(a={"targets": [target("one", provider="tgi")]}), "base_url"),
        (
            routes(a={"targets": [target("one")]}, b={"targets": [target("one", model="other")]}),
            "differently",
        ),
    ],
)
def test_a_fault_is_named(text: str, said: str) -> None:
    assert any(said in fault for fault in faults_of(text))


def test_two_faults_are_both_named() -> None:
    faults = faults_of(routes(a={"targets": [target("one", lane="batch", timeout_s=-1)]}))
    assert len(faults) == 2


def test_a_key_in_the_place_of_a_secrets_name_is_not_repeated() -> None:
    faults = faults_of(routes(a={"targets": [target("one", secret="sk-planted")]}))
    assert "sk-planted" not in "".join(faults)


def test_scaling_divides_timeouts() -> None:
    parsed = parse_routes(routes(a={"targets": [target("one", timeout_s=120)]}))
    assert parsed.scaled(60).targets["one"].timeout_s == 2
