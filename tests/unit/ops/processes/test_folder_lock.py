"""Who serves a local folder, as the next one who comes finds out."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock_ops.processes.folder_lock import AlreadyServed, Serving, announce, claim, serving

SOMEBODY = Serving(pid=7, token="t", urls={"sweeper": "http://127.0.0.1:1/"})


def test_nobody_serves_a_new_folder(tmp_path: Path) -> None:
    """Given a folder that is not even there. I expect nobody, and no trace of having looked."""
    assert serving(tmp_path / "new") is None
    assert not (tmp_path / "new").exists()


def test_who_claims_and_announces_serves(tmp_path: Path) -> None:
    """If I claim a folder, I expect to serve it from my announcement to the end of the claim."""
    with claim(tmp_path):
        assert serving(tmp_path) is None
        announce(tmp_path, SOMEBODY)
        assert serving(tmp_path) == SOMEBODY

    assert serving(tmp_path) is None


def test_only_one_claims(tmp_path: Path) -> None:
    """Given a claimed folder. If another claims it, I expect AlreadyServed, and the first undisturbed."""
    with claim(tmp_path):
        announce(tmp_path, SOMEBODY)
        with pytest.raises(AlreadyServed), claim(tmp_path):
            raise AssertionError("two have claimed one folder")
        assert serving(tmp_path) == SOMEBODY


def test_the_note_of_the_dead_says_nothing(tmp_path: Path) -> None:
    """Given the note of a stack that was killed. I expect nobody before and during the next start."""
    announce(tmp_path, SOMEBODY)

    assert serving(tmp_path) is None
    with claim(tmp_path):
        assert serving(tmp_path) is None
