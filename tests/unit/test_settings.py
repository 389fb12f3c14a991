"""The environment, read once: what it may say, and the one message that names every fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.errors import SettingsError
from penstock.settings import read_settings
from penstock.variables import SETTINGS

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


def test_routes_from_windows_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "routes.json"
    file.write_bytes(b"\xef\xbb\xbf" + ROUTES.replace("\n", "\r\n").encode())
    assert read_settings(CLOUD | {"PENSTOCK_ROUTES": str(file)}).routes.default == "fast"


KEY = "sk-proj-planted"
SPOILT = {
    "no scheme": (
        "OPENAI_BASE_URL",
        "api.together.xyz/v1",
        "is no http(s) address: api.together.xyz/v1 (it must",
    ),
    "a line break": ("OPENAI_BASE_URL", "https://api.together.xyz/v1\n", "ends with a space or a line break"),
    "docker's quotes": ("OPENAI_BASE_URL", '"https://api.together.xyz/v1"', "stands in quotes"),
    "one quote": ("OPENAI_BASE_URL", "https://api.together.xyz/v1'", "stands in quotes"),
    "a space before": ("OPENAI_BASE_URL", " https://a.b/v1", "begins with a space"),
    "a space behind": ("OPENAI_BASE_URL", "https://a.b/v1 ", "ends with a space"),
    "a space within": ("OPENAI_BASE_URL", "https://a.b/v 1", "is no http(s) address"),
    "half a scheme": ("OPENAI_BASE_URL", "https:/", "is no http(s) address: https:/"),
    "a scheme alone": ("OPENAI_BASE_URL", "https://", "is no http(s) address"),
    "a password": ("OPENAI_BASE_URL", f"https://me:{KEY}@a.b/v1", "leave user and password out"),
    "a key as address": ("OPENAI_BASE_URL", KEY, "is no http(s) address (it must begin"),
    "blanks": ("OPENAI_BASE_URL", "  ", "is blank"),
    "a quoted key": ("OPENAI_API_KEY", f'"{KEY}"', "stands in quotes"),
    "a key's line end": ("OPENAI_API_KEY", f"{KEY}\n", "ends with a space or a line break"),
    "a key's Windows line end": ("OPENAI_API_KEY", f"{KEY}\r\n", "ends with a space or a line break"),
    "two keys": ("OPENAI_API_KEY", f"{KEY}\n{KEY}", "holds a line break (character 16)"),
    "a key's header": ("OPENAI_API_KEY", f"Bearer {KEY}", "holds a space (character 7)"),
    "a key from a document": ("OPENAI_API_KEY", f"sk–{KEY}", "not ASCII (character 3)"),
    "a key with an escape": ("OPENAI_API_KEY", f"\x1b{KEY}", "U+001B (character 1)"),
    "a model in quotes": ("PENSTOCK_DEFAULT_MODEL", "'gpt'", "stands in quotes"),
    "a model of 300": ("PENSTOCK_DEFAULT_MODEL", "m" * 300, "at most 256 characters"),
    "a web address for an emulator": ("PUBSUB_EMULATOR_HOST", "http://localhost:8085", "must be host:port"),
    "a path for an emulator": ("FIRESTORE_EMULATOR_HOST", "localhost:8080/v1", "must be host:port"),
    "a project's path": ("GOOGLE_CLOUD_PROJECT", "projects/p", "must be a project's id alone"),
    "a topic's path": ("PENSTOCK_REQUEST_TOPIC", "projects/p/topics/t", "must be a topic's id alone"),
    "a quoted folder": ("PENSTOCK_LOCAL", '"/data"', "stands in quotes"),
    "a quoted scale": ("PENSTOCK_TIME_SCALE", '"6"', "stands in quotes"),
    "a comma": ("PENSTOCK_TIME_SCALE", "6,0", "number from 1 to 10000, not '6,0'"),
    "no number": ("PENSTOCK_TIME_SCALE", "nan", "number from 1 to 10000, not 'nan'"),
    "too fast": ("PENSTOCK_TIME_SCALE", "1e9", "number from 1 to 10000"),
    "quoted routes": ("PENSTOCK_ROUTES", f"'{ROUTES}'", "stands in quotes"),
    "broken routes": ("PENSTOCK_ROUTES", '{\n "default": "a"\n1}', "is not JSON (line 3, column 1"),
    "a folder for routes": ("PENSTOCK_ROUTES", ".", "cannot be read as a file (Is a directory)"),
    "no file of prices": ("PENSTOCK_PRICES", "prices-nowhere.json", "where no file is"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_value_is_named_with_its_cure(case: str) -> None:
    """One fault alone, its variable first, never the key: what is right beside it is not complained of."""
    name, value, said = SPOILT[case]
    env = EMULATORS | {"OPENAI_BASE_URL": "https://a.b/v1", "PENSTOCK_DEFAULT_MODEL": "m"} | {name: value}
    [fault] = faults_of(env)
    assert fault.startswith(name)
    assert said in fault
    assert KEY not in fault


def test_in_the_cloud_what_nothing_reads_hinders_nothing() -> None:
    assert read_settings(CLOUD | {"OPENAI_BASE_URL": "nonsense", "OPENAI_API_KEY": " "}).mode == "cloud"


@pytest.mark.parametrize("bucket", ["", "b", "gs://", "gs:///x", "gs://b/folder", "s3://b", "gs:// b"])
def test_a_bucket_is_a_bucket(bucket: str) -> None:
    [fault] = faults_of(CLOUD | {"PENSTOCK_BUCKET": bucket})
    assert fault.startswith("PENSTOCK_BUCKET")


def test_a_file_of_routes_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "routes.json"
    file.write_bytes(ROUTES.encode("utf-16"))
    [fault] = faults_of(CLOUD | {"PENSTOCK_ROUTES": str(file)})
    assert "is not UTF-8 text (byte 0)" in fault
    assert str(file) in fault


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


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"PENSTOCK_TRACES": "collector:4318"}, "PENSTOCK_TRACES is no http(s) address"),
        ({"PENSTOCK_TRACES": "https://user:secret@collector"}, "leave user and password out"),
        ({"PENSTOCK_TRACES_SHARE": "1 %"}, "PENSTOCK_TRACES_SHARE must be a number from 0 to 1, not '1 %'."),
        ({"PENSTOCK_TRACES_SHARE": "nan"}, "PENSTOCK_TRACES_SHARE must be a number from 0 to 1, not 'nan'."),
        ({"PENSTOCK_TRACES_SLOW_S": "-1"}, "PENSTOCK_TRACES_SLOW_S must be a number from 0 to 86400"),
    ],
)
def test_what_traces_cannot_be_told_is_refused(env: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({"PENSTOCK_LOCAL": "unused", **env})
    assert told in str(error.value)
    assert "secret" not in str(error.value)


def test_traces_are_off_unless_a_collector_is_named() -> None:
    assert read_settings({"PENSTOCK_LOCAL": "unused", "PENSTOCK_TRACES": "off"}).traces is None
    assert read_settings({"PENSTOCK_LOCAL": "unused"}).traces is None
    address = "http://localhost:4318/v1/traces"
    assert read_settings({"PENSTOCK_LOCAL": "unused", "PENSTOCK_TRACES": address}).traces == address


@pytest.mark.parametrize(
    "value",
    ["on", "{", "[]", "{}", '{"audience": "", "operators": []}', '{"audience": "a", "operators": "b@c"}',
     '{"audience": "a", "operators": ["b"]}', '{"audience": "a", "operators": [], "more": 1}'],
)  # fmt: skip
def test_a_console_that_nobody_can_be_known_by_is_refused(value: str) -> None:
    [fault] = faults_of(CLOUD | {"PENSTOCK_CONSOLE": value})
    assert fault.startswith("PENSTOCK_CONSOLE must be off, local, or")


_BILL = {"provider": "openai", "secret": "projects/p/secrets/s/versions/1"}


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ({}, "must be JSON such as"),
        ([], "must be JSON such as"),
        ([{"provider": "openai"}], "must be JSON such as"),
        (
            [{**_BILL, "provider": "acme"}],
            "names the provider 'acme': there are openai, anthropic, openrouter",
        ),
        ([{**_BILL, "secret": "sk-a-key"}], "has an account whose secret must name a secret"),
        ([{**_BILL, "kye": "k"}], "has an account with 'kye'"),
        ([{**_BILL, "key": "a b"}], "is no id"),
        ([{**_BILL, "targets": "nano"}], "whose targets are no list"),
        ([_BILL, _BILL], "names an account twice"),
    ],
)
def test_a_bill_that_nobody_can_ask_for_is_refused(accounts: object, said: str) -> None:
    [fault] = faults_of(CLOUD | {"PENSTOCK_BILLS": json.dumps(accounts)})
    assert fault.startswith("PENSTOCK_BILLS ")
    assert said in fault
    # A secret that stands where its name belongs is not repeated.
    assert "sk-a-key" not in fault


def test_bills_are_compared_where_accounts_are_named() -> None:
    accounts = json.dumps([_BILL, {**_BILL, "name": "eu", "project": "proj_1", "targets": ["nano"]}])
    assert read_settings(CLOUD | {"PENSTOCK_BILLS": accounts}).bills == accounts
    assert read_settings(CLOUD).bills is None


def test_the_console_is_off_unless_it_is_named() -> None:
    told = '{"audience": "/projects/1/locations/l/services/console", "operators": ["a@example.com"]}'
    assert read_settings(CLOUD).console is None
    assert read_settings(CLOUD | {"PENSTOCK_CONSOLE": "off"}).console is None
    assert read_settings(CLOUD | {"PENSTOCK_CONSOLE": told}).console == told
