"""docs/design.md is what the code says it is: every reference to it holds, and so do its tables."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock import paths
from penstock.money.limits import MONEY_PATH
from penstock.pause import PAUSE_PATH
from penstock.targets.pace import TURNS_PATH
from penstock.timing import Timing
from penstock.variables import SETTINGS
from tests.design_page import PAGE, ROOT, pattern, sections, table

#: A section of the page, as a sentence or another page names it; other documents' sections are RFCs'.
_CITED = re.compile(r"§(\d+(?:\.\d+)?)(?: to §(\d+(?:\.\d+)?))?")
_DOCUMENT = re.compile(r"(?<![\w/.])(?:\.\./)*(?:docs/|terraform/)?[\w-]+\.md\b")
#: Names of documents that no text refers to: tests make them.
_MADE_UP = {"tests/unit/ops/asking/test_outgoing.py"}


def _texts() -> dict[str, str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    kinds = {".py", ".md", ".tf", ".toml", ".yaml", ".hcl", ""}
    names = [name for name in listed.stdout.split() if Path(name).suffix in kinds and name not in _MADE_UP]
    return {name: (ROOT / name).read_text() for name in names if (ROOT / name).is_file()}


def test_every_section_that_is_referred_to_exists() -> None:
    cited = {
        (number, name)
        for name, text in _texts().items()
        for found in _CITED.findall(re.sub(r"RFC \d+ §[\d.]+", "", text))
        for number in found
        if number
    }
    assert len(cited) > 40
    assert [(number, name) for number, name in cited if number not in sections()] == []


def test_every_document_that_is_referred_to_exists() -> None:
    missing = [
        (document, name)
        for name, text in _texts().items()
        for document in _DOCUMENT.findall(text)
        if not any(
            (folder / document).is_file() for folder in (ROOT, ROOT / "docs", ROOT / Path(name).parent)
        )
    ]
    assert missing == []


@pytest.mark.parametrize("package", ["functions/penstock", "scripts/penstock_ops"])
def test_every_room_is_in_the_picture(package: str) -> None:
    rooms = {path.stem for path in (ROOT / package).iterdir() if (path / "__init__.py").is_file()}
    modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    drawn = PAGE.read_text().partition("## 4. The rooms")[2].split("```")[1]
    assert (rooms | modules) - set(re.findall(r"\w+", drawn)) == set()


def test_its_settings_are_the_codes() -> None:
    told = {(row["setting"], row["where"]) for row in table("setting")}
    assert told == {(setting.env, setting.where) for setting in SETTINGS}


@pytest.mark.parametrize("row", table("duration"), ids=lambda row: row["duration"])
def test_its_durations_are_the_codes(row: dict[str, str]) -> None:
    assert float(row["seconds"]) == getattr(Timing(), row["duration"])


def test_its_documents_and_files_are_those_that_the_code_names() -> None:
    day = datetime(2026, 11, 21, tzinfo=UTC)
    named = {
        paths.request_path("t", "r"),
        paths.orphan_path("t", "r", "w"),
        paths.cache_path("t", "k"),
        paths.usage_path("t", "r", "2026-11-21", "m"),
        paths.speed_path("some/target"),
        paths.account_path("tenant:t", "2026-11"),
        paths.pace_path("tenant:t"),
        paths.queue_path("tenant:t"),
        TURNS_PATH,
        paths.allotment_path("a"),
        paths.drawn_path("a", "t", "r"),
        paths.doubt_path("2026-11-21", "t", "r"),
        paths.run_path("t", "r"),
        paths.audit_path("a"),
        paths.bill_path("2026-11-21~openai"),
        paths.hour_path("2026-11-28T21"),
        paths.page_path("t", "r/0.0.0"),
        paths.pile_path("t", "p~1"),
        paths.batch_path("t", "b"),
        paths.callback_path("t", "c"),
        paths.endpoint_path("t", "e"),
        paths.reach_path("t", "e"),
        paths.evidence_path("t", "w"),
        paths.similar_path("t", "0a", 3),
        paths.audit_of_similar_path("t", "r"),
        paths.key_path("k"),
        paths.door_path("t", "0a"),
        paths.response_path("t", "resp_bg_1"),
        paths.client_batch_path("t", "batch_1"),
        paths.file_path("t", "file-1"),
        paths.file_blob("t", "file-1"),
        paths.input_blob("t", "q.jsonl"),
        PAUSE_PATH,
        MONEY_PATH,
        paths.payload_blob("t", "0a"),
        paths.completion_blob("t", "0a"),
        paths.unsaved_blob("t", "r", day, 0),
        paths.run_blob("t", "r", "definition", "0a"),
        paths.batch_blob("t", "b", "part-0"),
        paths.callback_blob("t", "c"),
        paths.pipeline_blob("p", "0a"),
        paths.dead_letter_blob("0a"),
    }
    makers = [name for name in vars(paths) if name.endswith(("_path", "_blob"))]
    assert len(makers) + 3 == len(named), "another name of paths.py needs its row in docs/design.md §5"
    rows = [row["document"] for row in table("document")] + [row["file"] for row in table("file")]
    assert len(rows) == len(named)
    assert [name for name in named if sum(bool(pattern(row).fullmatch(name)) for row in rows) != 1] == []
