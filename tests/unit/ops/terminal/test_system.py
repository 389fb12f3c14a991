"""Which system an operator's verb means, by its environment alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import SettingsError
from penstock_ops.terminal.console import own_name
from penstock_ops.terminal.system import operator_settings

EMULATORS = {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:2"}
PROJECT = {"GOOGLE_CLOUD_PROJECT": "p"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(tmp_path)}


def test_nothing_set_is_the_default_folder(home: dict[str, str], tmp_path: Path) -> None:
    """Given an empty environment. I expect the folder below the user's data directory."""
    settings = operator_settings(home)

    assert settings.mode == "embedded"
    assert settings.folder == tmp_path / "penstock"


def test_a_folder_goes_before_a_project(home: dict[str, str], tmp_path: Path) -> None:
    """Given a folder, emulators and a project. I expect the folder, whole and absolute."""
    settings = operator_settings(home | EMULATORS | PROJECT | {"PENSTOCK_LOCAL": str(tmp_path / "mine")})

    assert (settings.mode, settings.folder) == ("embedded", tmp_path / "mine")


def test_a_project_goes_before_the_default(home: dict[str, str]) -> None:
    """Given a project. I expect it, on the emulators where their hosts are set."""
    assert operator_settings(home | PROJECT).mode == "cloud"
    assert operator_settings(home | PROJECT | EMULATORS).mode == "emulators"


def test_a_verb_needs_neither_models_nor_a_bucket(home: dict[str, str]) -> None:
    """Given settings that only a function needs, broken. I expect an operator's verb not to mind."""
    broken = {"PENSTOCK_ROUTES": "nowhere.json", "OPENAI_BASE_URL": "http://127.0.0.1:1"}

    assert operator_settings(home | PROJECT | broken).project == "p"


def test_emulators_without_a_project_are_a_fault(home: dict[str, str]) -> None:
    """Given the emulators' hosts alone. I expect to be told what is missing, not the default folder."""
    with pytest.raises(SettingsError, match="GOOGLE_CLOUD_PROJECT"):
        operator_settings(home | EMULATORS)


def test_a_hint_works_in_the_shell_it_is_read_in(home: dict[str, str], tmp_path: Path) -> None:
    """Given a shell that means a project. I expect a hint about the local folder to name the folder."""
    assert "PENSTOCK_LOCAL" not in own_name(home, local=True)
    assert own_name(home | PROJECT, local=True).startswith(f"PENSTOCK_LOCAL={tmp_path}/penstock ")
