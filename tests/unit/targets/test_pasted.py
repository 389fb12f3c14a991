"""Keys in the place of names: what reads like one, and that no sentence repeats it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import SettingsError
from penstock.settings import read_settings
from penstock.targets.pasted import is_key, without_keys

KEYS = [
    "sk-123",
    "sk-proj-abc.def-123",
    "sk-ant-api03-aaaabbbbccccdddd",
    "AIzaSyDdI0hCZtE6vySjMmWEfRq3CPzqKqqsHI",
    "AQ.Ab8RN6aaaabbbbccccdddd",
    "ya29.a0AfH6SMBx",
    "hf_abcdefghijABCDEFGHIJabcdefghijABCD",
    "gsk_abcdefghij0123456789",
    "xai-abcdefghij0123456789abcdefghij",
    "AKIAABCDEFGHIJKLMNOP",
    "ghp_abcdefghij0123456789abcd",
    "Bearer abc",
    " sk-123",
]
NAMES = [
    "openai",
    "hf_token",
    "xai-grok-5-fast-reasoning",
    "mask-rcnn-resnet101-large",
    "org/task-abcdefghijklmnop",
    "projects/p/secrets/sk/versions/latest",
    "gpt-5.4-nano",
    "google/gemini-3.5-flash",
    "vllm/vllm-openai@sha256:" + "0" * 64,
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_known_wherever_it_stands_and_never_repeated(key: str) -> None:
    for sentence in (key, f"it says {key!r}, which is no route.", json.dumps({"a": [{"b": key}]})):
        assert is_key(sentence)
        assert key.strip()[-3:] not in without_keys(sentence)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_none(name: str) -> None:
    assert not is_key(name)
    assert not is_key(json.dumps({name: name}))
    assert without_keys(f"The name {name!r}.") == f"The name {name!r}."


def _routes(default: str = "a", alias: str = "a", **changes: Any) -> str:
    target = {"name": "n", "provider": "openai", "model": "m", "secret": "projects/p/secrets/s"} | changes
    return json.dumps({"default": default, "routes": {alias: {"targets": [target]}}})


@pytest.mark.parametrize(
    "routes",
    [
        _routes(default="sk-planted"),
        _routes(alias="sk-planted", default="sk-planted"),
        _routes(name="sk-planted"),
        _routes(name="sk-planted", provider="tgi"),
        _routes(model="sk-planted"),
        _routes(secret="sk-planted"),
        _routes(secret="projects/p/secrets/sk-planted0123456"),
        _routes(base_url="https://example.com/v1?key=AIzaplanted0123456"),
        _routes(price="sk-planted"),
        _routes().replace('"name"', '"sk-planted": 1, "name"'),
        "sk-planted",
    ],
)
def test_a_key_in_the_routes_stops_the_start_without_being_shown(routes: str) -> None:
    env = {"GOOGLE_CLOUD_PROJECT": "p", "PENSTOCK_BUCKET": "gs://b", "PENSTOCK_ROUTES": routes}
    with pytest.raises(SettingsError) as refused:
        read_settings(env)
    assert "planted" not in str(refused.value)
