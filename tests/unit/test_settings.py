"""The environment, read once: what it may say, and the one message that names every fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.errors import SettingsError
from penstock.settings import SETTINGS, read_settings

ROUTES = json.dumps(
    {
        "default": "fast",
        "routes": {
            "fast": {
                "fallback": True,
                "targets": [
                    {
                        "name": "nano",
                        "provider": "openai",
                        "model": "gpt-5.4-nano",
                        "secret": "projects/p/secrets/openai/versions/3",
                    },
                    {
                        "name": "own",
                        "provider": "tgi",
                        "model": "llama",
                        "base_url": "https://engine.run.app",
                        "auth": "id_token",
                    },
                ],
            }
        },
    }
)
CLOUD = {"GOOGLE_CLOUD_PROJECT": "p", "PENSTOCK_BUCKET": "gs://b", "PENSTOCK_ROUTES": ROUTES}
EMULATORS = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:2",
}


def faults_of(env: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        read_settings(env)
    return error.value.faults


def test_the_cloud_needs_a_project_a_bucket_and_routes() -> None:
    settings = read_settings(CLOUD)
    assert settings.mode == "cloud"
    assert (settings.request_topic, settings.database) == ("llm-requests", "(default)")
    assert list(settings.routes.targets) == ["nano", "own"]


def test_every_fault_is_named_at_once() -> None:
    faults = faults_of({"PENSTOCK_TIME_SCALE": "fast"})
    for name in ("GOOGLE_CLOUD_PROJECT", "PENSTOCK_BUCKET", "PENSTOCK_ROUTES", "PENSTOCK_TIME_SCALE"):
        assert any(name in fault for fault in faults), name


def test_embedded_needs_nothing_and_says_that_no_model_answers(tmp_path: Path) -> None:
    settings = read_settings({"PENSTOCK_LOCAL": str(tmp_path)})
    assert settings.mode == "embedded"
    assert settings.bucket == str(tmp_path / "blobs")
    assert [target.provider for target in settings.routes.targets.values()] == ["offline"]
    assert "no model" in settings.warnings[0]


def test_a_key_makes_one_target_with_two_aliases() -> None:
    settings = read_settings(EMULATORS | {"OPENAI_API_KEY": "sk-secret"})
    assert set(settings.routes.routes) == {"default", "gpt-5.4-nano"}
    assert settings.warnings == ()


def test_a_secret_is_not_shown() -> None:
    assert "sk-secret" not in repr(read_settings(EMULATORS | {"OPENAI_API_KEY": "sk-secret"}))


def test_another_address_needs_the_models_name() -> None:
    [fault] = faults_of(EMULATORS | {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert "PENSTOCK_DEFAULT_MODEL" in fault


@pytest.mark.parametrize("alone", ["PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST"])
def test_one_emulator_alone_is_a_fault(alone: str) -> None:
    faults = faults_of({"GOOGLE_CLOUD_PROJECT": "p", alone: "127.0.0.1:1"})
    assert any(alone in fault for fault in faults)


def test_the_time_scale_is_refused_in_the_cloud() -> None:
    [fault] = faults_of(CLOUD | {"PENSTOCK_TIME_SCALE": "60"})
    assert "PENSTOCK_TIME_SCALE" in fault
    assert read_settings(EMULATORS | {"PENSTOCK_TIME_SCALE": "60"}).time_scale == 60


def test_a_cloud_target_needs_a_secret_or_an_identity() -> None:
    routes = json.dumps(
        {
            "default": "a",
            "routes": {"a": {"targets": [{"name": "bare", "provider": "openai", "model": "m"}]}},
        }
    )
    [fault] = faults_of(CLOUD | {"PENSTOCK_ROUTES": routes})
    assert "'bare'" in fault
    assert "secret" in fault


def test_routes_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "routes.json"
    file.write_text(ROUTES)
    assert set(read_settings(CLOUD | {"PENSTOCK_ROUTES": str(file)}).routes.routes) == {"fast"}
    [fault] = faults_of(CLOUD | {"PENSTOCK_ROUTES": str(tmp_path / "none.json")})
    assert "cannot be read" in fault


def test_every_setting_says_where_it_belongs() -> None:
    assert len({setting.env for setting in SETTINGS}) == len(SETTINGS)
    assert {setting.where for setting in SETTINGS} == {"cloud", "local"}


def test_the_environment_is_read_in_one_place() -> None:
    functions = Path(__file__).parents[2] / "functions"
    readers = {
        path.relative_to(functions).as_posix()
        for path in functions.rglob("*.py")
        if "os.environ[" in path.read_text()
        or "environ.get(" in path.read_text()
        or "getenv" in path.read_text()
    }
    assert readers == set()
    assert "read_settings(os.environ)" in (functions / "penstock" / "bootstrap.py").read_text()
