"""The evidence of a run as files: for whoever wants to see why a check failed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.chaos.evidence import Evidence
from tests.chaos.processes.explain import Surplus
from tests.chaos.processes.strikes import Strike


def keep(folder: Path, evidence: Evidence, strikes: Iterable[Strike], surplus: Iterable[Surplus]) -> None:
    """One JSON object a line: what the topics carried, documents, their changes, blows, surplus calls."""
    for name in ("published", "results", "letters", "written"):
        _write(folder / f"{name}.jsonl", (asdict(one) for one in getattr(evidence, name)))
    documents = ({"path": path, **fields} for path, fields in evidence.documents.items())
    _write(folder / "documents.jsonl", documents)
    _write(folder / "strikes.jsonl", (asdict(strike) for strike in strikes))
    _write(folder / "surplus.jsonl", (asdict(one) for one in surplus))


def keep_money(
    folder: Path,
    documents: Mapping[str, Mapping[str, object]],
    results: Iterable[object],
    strikes: Iterable[Strike],
) -> None:
    """The same of a run under budgets."""
    _write(folder / "documents.jsonl", ({"path": path, **fields} for path, fields in documents.items()))
    _write(folder / "results.jsonl", results)
    _write(folder / "strikes.jsonl", (asdict(strike) for strike in strikes))


def _write(file: Path, lines: Iterable[object]) -> None:
    file.write_text("".join(json.dumps(line, default=_text) + "\n" for line in lines))


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
