"""Routes: aliases, ordered targets, and every fault named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import BadMessage, SettingsError
from penstock.targets.address import address_fault
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


def split(**fields: Any) -> dict[str, Any]:
    arms = {"targets": [target("one"), target("two", model="other")], "weights": {"one": 9, "two": 1}}
    whole = arms | {"choose": "split", "experiment": "size"} | fields
    return {name: value for name, value in whole.items() if value is not None}


def test_an_unknown_alias_names_the_known_ones() -> None:
    parsed = parse_routes(routes(a={"targets": [target("one")]}, b={"targets": [target("one")]}))
    with pytest.raises(BadMessage, match=r"a, b"):
        parsed.resolve("gpt-17")


OWN = {
    "lane": "batch", "max_output": 1000, "runner": "job", "drain": "gs://b",
    "job": "projects/p/locations/r/jobs/drain",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", "is not JSON (line 1, column 1"),
        ('{"default": "a",\n "routes": {} 1}', "is not JSON (line 2, column 15"),
        ("{'default': 'a'}", "is not JSON (line 1, column 2"),
        ('{"default": "a", "default": "b"}', "names 'default' twice"),
        ('{"a":' * 100_000, "too deep"),
        ('{"default": ' + "9" * 5000 + "}", "too long a number"),
        ("[]", "whole value"),
        (routes(default="none", a={"targets": [target("one")]}), "'none'"),
        (routes(a={"targets": []}), "targets"),
        (routes(a={"targets": [target("one", provider="other")]}), "provider"),
        (routes(a={"targets": [target("one", timeout_s=481)]}), "timeout_s"),
        (routes(a={"targets": [target("one", lane="batch")]}), "lane"),
        *(
            (routes(a={"choose": "cheapest", "targets": [target("own", **own), target("one")]}), said)
            for own, said in (
                (OWN | {"drain": None}, "target 'own' has runner: job and needs a drain"),
                (OWN | {"job": None}, "needs a job, projects/P/locations/R/jobs/J, or a spot"),
                (OWN | {"drain": "/tmp/x"}, "reads no folder of this machine: say drain: gs://BUCKET."),
                (OWN | {"runner": "openai"}, "has a drain, which only runner: job uses: leave it out."),
                (OWN | {"max_bytes": 200_000_001}, "max_bytes must be at most 200000000"),
                (OWN | {"max_lines": 50_001}, "max_lines must be at most 50000"),
                (OWN | {"min_lines": 5001}, "has min_lines above its max_lines"),
                (OWN | {"spot": "projects/p/locations/r"}, "has a job and a spot: say which"),
                (OWN | {"job": None, "spot": "r"}, "spot must be where Google Cloud Batch makes its jobs"),
                (
                    OWN | {"job": None, "spot": "projects/p/locations/r", "drain": "/tmp/x"},
                    "has jobs on Spot VMs, and what runs there reads no folder",
                ),
                (OWN | {"job": "drain"}, "job must be the full name of a Cloud Run job"),
                ({"drain": "gs://b"}, "has a drain, which only lane: batch uses"),
            )
        ),
        (
            routes(a={"targets": [target("one", colour="red")]}),
            "PENSTOCK_ROUTES: routes.a.targets[0].colour is not a known field: leave it out.",
        ),
        (
            routes(a={"targets": [{"name": "one", "provider": "openai"}]}),
            "routes.a.targets[0].model is missing",
        ),
        (
            routes(a={"targets": [target("one", max_concurrency="8")]}),
            "max_concurrency must be a whole number",
        ),
        (routes(a={"targets": [target("one", timeout_s=0)]}), "timeout_s must be greater than 0"),
        (routes(a={"targets": [target("a b")]}), "targets[0].name must be 1 to 128 characters"),
        (json.dumps({"default": "a b", "routes": {"a b": {"targets": [target("one")]}}}), "is no alias"),
        (routes(a={"targets": [target("one", base_url="ftp://x")]}), "base_url is no http(s) address"),
        (routes(a={"targets": [target("one", secret="sk-123")]}), "secret"),
        (routes(a={"targets": [target("one", provider="tgi")]}), "base_url"),
        (routes(a={"targets": [target("one", max_tokens_as="tokens")]}), "max_tokens_as"),
        (
            routes(a={"targets": [target("one", provider="offline", max_tokens_as="max_tokens")]}),
            "no openai server",
        ),
        (
            routes(a={"targets": [target("one")], "choose": "best"}),
            "choose must be 'order', 'cheapest', 'split' or 'cascade'",
        ),
        (
            routes(a={"targets": [target("one")], "choose": "cheapest", "confidence": 1.0}),
            "routes.a.confidence must be less than 1",
        ),
        (
            routes(a={"targets": [target("one")], "choose": "cheapest", "patience": -1}),
            "routes.a.patience must be at least 0",
        ),
        (routes(a={"targets": [target("one")], "patience": 60}), "'a' has a patience, which only"),
        (routes(a=split(experiment=None)), "name its experiment"),
        (routes(a=split(experiment="two words")), "routes.a.experiment must be 1 to 64"),
        (routes(a=split(), b=split()), "another route has too"),
        (routes(a=split(weights={"one": 1})), "fewer than two"),
        (routes(a=split(weights={"one": 1, "two": 0})), "weights.two must be greater than 0"),
        (routes(a=split(weights={"one": 1, "three": 1})), "none of its targets"),
        (routes(a=split(targets=[target("one"), target("two")])), "one and the same"),
        (routes(a=split(choose="order")), "only choose: split uses"),
        (routes(a={"targets": [target("one")], "weights": {"one": 1}}), "only choose: split uses"),
        (routes(a={"targets": [target("one", service_tier="")]}), "service_tier must be a tier's name"),
        (
            routes(a={"targets": [target("one", provider="offline", service_tier="flex")]}),
            "alone takes service_tier",
        ),
        (
            routes(a={"targets": [target("one", provider="offline", prompt_cache=True)]}),
            "alone takes prompt_cache",
        ),
        (
            routes(a={"targets": [target("one", provider="offline", logprobs=True)]}),
            "alone takes logprobs",
        ),
        (routes(a={"targets": [target("one", lane="batch", logprobs=True)]}), "which tells no logprobs"),
        (routes(a={"targets": [target("one", prompt_cache="yes")]}), "prompt_cache must be true or false"),
        (routes(a={"targets": [target("one", max_output=0)]}), "max_output must be at least 1"),
        (routes(a={"targets": [target("one", max_output=1.5)]}), "max_output must be a whole number"),
        (
            routes(a={"targets": [target("one")]}, b={"targets": [target("one", model="other")]}),
            "differently",
        ),
    ],
)
def test_a_fault_is_named(text: str, said: str) -> None:
    assert any(said in fault for fault in faults_of(text))


def test_no_fault_speaks_of_the_library_that_found_it() -> None:
    """A person knows our fields, not the checker: neither its words nor its address belong in a sentence."""
    wrong = target("one", lane="later", base_url="x", secret="sk-1", timeout_s="1", max_concurrency=0)
    [*faults] = faults_of(routes(a={"targets": [wrong]}, b={}, c={"targets": [], "more": 1}))
    assert len(faults) == 8
    for word in ("pydantic", "Input should", "Extra inputs", "Field required", "sk-1"):
        assert word not in "".join(faults)


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:8000/v1", "https://api.example.com", "https://a.b/c/?api-version=2026-01-01"),
        *("http://[::1]:8000/v1", "https://xn--bcher-kva.example/v1", "http://engine"),
    ],
)
def test_an_address_is_taken_as_it_is(address: str) -> None:
    parsed = parse_routes(routes(a={"targets": [target("one", base_url=address)]}))
    assert parsed.targets["one"].base_url == address
    assert address_fault(address) == ""


@pytest.mark.parametrize(
    "address",
    [
        *("", "api.example.com/v1", "https:/", "https://", "https:///v1", "//a.b/v1", "ftp://a.b"),
        *("https://user:pw@a.b/v1", "https://a b/v1", "https://a.b/v1\n", '"https://a.b"', "https://a.b:x/"),
        *("https://a.b/v 1", "http://[::1/v1", "https://a.b\\v1", "https://a.b:8000000/"),
    ],
)
def test_what_is_no_address(address: str) -> None:
    assert any(
        "base_url" in fault for fault in faults_of(routes(a={"targets": [target("one", base_url=address)]}))
    )
    assert address_fault(address).startswith("is no http(s) address")


def test_two_faults_are_both_named() -> None:
    faults = faults_of(routes(a={"targets": [target("one", lane="later", timeout_s=-1)]}))
    assert len(faults) == 2


def test_a_key_in_the_place_of_a_secrets_name_is_not_repeated() -> None:
    faults = faults_of(routes(a={"targets": [target("one", secret="sk-planted")]}))
    assert "sk-planted" not in "".join(faults)


def test_scaling_divides_timeouts() -> None:
    parsed = parse_routes(routes(a={"targets": [target("one", timeout_s=120)]}))
    assert parsed.scaled(60).targets["one"].timeout_s == 2
