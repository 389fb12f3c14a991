"""Public questions that similar answers are measured on: files beside the repository, not shipped with it.

CLINC150 (clinc/oos-eval, CC BY 3.0), BANKING77 (PolyAI-LDN/task-specific-datasets, CC BY 4.0), and the pairs
of fow-cache (Maby0/fow-cache, CC BY 4.0), each as its authors publish it, compressed.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_VARIABLE: Final = "PENSTOCK_SEMANTIC"
_BESIDE: Final = Path(__file__).parents[3].parent / "shared" / "data" / "semantic"


class QuestionsMissing(Exception):
    """The files are not there. The message says what to do, in one sentence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its intent: two questions of one intent are given the same answer."""

    text: str
    intent: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions, and whether one answer serves both. `kind`: what makes the other of the first."""

    one: str
    other: str
    kind: str
    same: bool


def clinc150() -> list[Asked]:
    """22,500 questions of 150 intents. Those without an intent are left out: no answer is right for two."""
    parts = json.loads(_read("clinc150.json.gz"))
    return [Asked(*row) for part in ("train", "val", "test") for row in parts[part]]


def banking77() -> list[Asked]:
    """13,083 questions that a bank's customers asked, of 77 intents that lie close together."""
    rows = csv.DictReader(_read("banking77.csv.gz").splitlines())
    return [Asked(row["text"].strip(), row["category"]) for row in rows]


def pairs() -> list[Pair]:
    """600: one half looks alike and means something else, the other means the same."""
    rows = (json.loads(line) for line in _read("fow-pairs.jsonl.gz").splitlines())
    return [Pair(row["a"], row["b"], row["category"], row["same_answer"]) for row in rows]


def _read(name: str) -> str:
    file = Path(os.environ.get(_VARIABLE) or _BESIDE) / name
    try:
        return gzip.decompress(file.read_bytes()).decode()
    except OSError:
        told = f"The questions are not here: {_VARIABLE} must name the folder that has {name}, or it must "
        raise QuestionsMissing(told + "lie in shared/data/semantic beside the repository.") from None
