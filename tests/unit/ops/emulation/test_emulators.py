"""Finding Google's emulators, and what is said when they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock_ops.emulation.emulators import (
    FIRESTORE,
    PUBSUB,
    EmulatorFault,
    EmulatorMissing,
    Emulators,
    Kind,
    find_jar,
)


def program(folder: Path, name: str, text: str = "exit 1") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Cloud SDK without emulators, alone on the PATH with a java that only fails."""
    root = tmp_path / "sdk"
    program(root / "bin", "gcloud")
    program(tmp_path / "programs", "java", "echo cannot start; exit 3")
    (root / "platform").mkdir()
    monkeypatch.setenv("PATH", f"{root / 'bin'}:{tmp_path / 'programs'}:/bin:/usr/bin")
    return root


def add_jar(sdk: Path, name: str) -> Path:
    jar = sdk / "platform" / name
    jar.parent.mkdir(parents=True, exist_ok=True)
    jar.touch()
    return jar


def test_an_sdk_without_emulators_says_what_to_install(sdk: Path, tmp_path: Path) -> None:
    with pytest.raises(
        EmulatorMissing, match="has no Pub/Sub emulator: install them with `gcloud components"
    ):
        Emulators.start(tmp_path)
    add_jar(sdk, "pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar")
    with pytest.raises(EmulatorMissing, match="has no Firestore emulator"):
        find_jar(FIRESTORE)


def test_the_newest_jar_is_taken(sdk: Path) -> None:
    add_jar(sdk, "pubsub-emulator/lib/cloud-pubsub-emulator-0.8.19-all.jar")
    newest = add_jar(sdk, "pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar")
    assert find_jar(PUBSUB) == newest


def test_an_sdk_behind_a_wrapper_is_asked_where_it_lies(
    sdk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = add_jar(sdk, "cloud-firestore-emulator/cloud-firestore-emulator.jar")
    program(tmp_path / "shims", "gcloud", f"echo {sdk}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:/bin:/usr/bin")
    assert find_jar(FIRESTORE) == jar


def test_without_gcloud_or_java_it_says_which(
    sdk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    with pytest.raises(EmulatorMissing, match="gcloud is not on the PATH"):
        find_jar(PUBSUB)
    monkeypatch.setenv("PATH", str(sdk / "bin"))
    with pytest.raises(EmulatorMissing, match="install a Java runtime"):
        Emulators.start(tmp_path)


def test_an_emulator_that_dies_is_a_fault_with_its_last_words(sdk: Path, tmp_path: Path) -> None:
    add_jar(sdk, "pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar")
    with pytest.raises(EmulatorFault, match="does not start; its last words:\ncannot start") as fault:
        Emulators.start(tmp_path)
    assert not isinstance(fault.value, EmulatorMissing)


def test_every_kind_has_a_name_for_its_log() -> None:
    kinds: list[Kind] = [PUBSUB, FIRESTORE]
    assert len({kind.name for kind in kinds}) == 2
