"""Which of key, ID token and access token goes with which target; what the plan refuses too is in
tests/terraform/test_refusals.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import SettingsError
from penstock.settings import Settings, read_settings

CLOUD = {"GOOGLE_CLOUD_PROJECT": "p", "PENSTOCK_BUCKET": "gs://b"}
LOCAL = {"PENSTOCK_LOCAL": "unused"}
GOOGLE = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi"


def settings(env: dict[str, str], **target: Any) -> Settings:
    routes = {"default": "a", "routes": {"a": {"targets": [{"name": "n", "model": "m", **target}]}}}
    return read_settings(env | {"PENSTOCK_ROUTES": json.dumps(routes)})


def test_what_google_ignores_is_said_at_start() -> None:
    [warning] = settings(CLOUD, provider="openai", auth="access_token", base_url=GOOGLE).warnings
    for name in ("'n'", "response_format.json_schema.strict", "tools[].function.strict"):
        assert name in warning
    assert settings(CLOUD, provider="openai", secret="projects/p/secrets/s").warnings == ()


def test_a_stand_in_for_google_answers_locally_alone() -> None:
    stand_in = {"provider": "openai", "auth": "access_token", "base_url": "http://127.0.0.1:9/v1"}
    assert settings(LOCAL, **stand_in).routes.targets["n"].auth == "access_token"
    with pytest.raises(SettingsError, match=r"googleapis\.com"):
        settings(CLOUD, **stand_in)


@pytest.mark.parametrize("env", [CLOUD, LOCAL])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"auth": "id_token"}, "needs a base_url"),
        ({"auth": "access_token"}, "needs a base_url"),
        ({"auth": "access_token", "base_url": "https://api.openai.com/v1"}, "googleapis"),
        ({"auth": "access_token", "base_url": GOOGLE, "secret": "projects/p/secrets/s"}, "beside"),
        ({"model": "m "}, "space at an end"),
        ({"secret": "projects/p/secrets/s x"}, "space in its name"),
    ],
)
def test_a_fault_is_named_wherever_it_runs(env: dict[str, str], target: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(env, **({"provider": "openai"} | target))
