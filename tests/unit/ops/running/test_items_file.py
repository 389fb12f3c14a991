"""Items from a file: what is too large or too many is refused before anything is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock_ops.running import start as starting
from penstock_ops.running.items_file import read_items
from penstock_ops.running.start import Asked, start
from penstock_ops.terminal.faults import Misuse


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".txt"])
def test_an_item_of_300_kib_is_named_with_its_limit(tmp_path: Path, suffix: str) -> None:
    long = "x" * 300 * 1024
    said = {
        ".jsonl": f'"a"\n"{long}"',
        ".json": json.dumps(["a", long]),
        ".csv": f"text\na\n{long}",
        ".txt": f"a\n{long}",
    }
    path = tmp_path / f"items{suffix}"
    path.write_text(said[suffix])
    with pytest.raises(Misuse, match="Line 2 of the items has over 262144 bytes"):
        list(read_items(path))


def test_a_csv_whose_field_is_large_and_whose_item_is_not_too_large_is_read(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("text\n" + "x" * 200 * 1024)
    [line] = read_items(tmp_path / "items.csv")
    assert len(line) > 200 * 1024


async def test_more_items_than_a_run_takes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "ITEMS_LIMIT", 3)
    (tmp_path / "p.yaml").write_text(
        "version: 1\nsteps: [{id: m, map: {request: {prompt: '{{item.text}}'}}}]"
    )
    (tmp_path / "i.txt").write_text("a\n" * 4)
    asked = Asked(tmp_path / "p.yaml", tmp_path / "i.txt", "r", "default", None, None, None)
    with pytest.raises(Misuse, match="has over 3 items: a run takes 1 to 3"):
        await start(asked, dry_run=True, wait=False, as_json=False)
