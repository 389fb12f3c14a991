"""What lanes promise, told from the provider's own book of lines and from what lies in the store at rest."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.batches.record import CLOSED

Documents = dict[str, dict[str, Any]]


@dataclass(slots=True)
class LanesEvidence:
    """`paid` counts lines by name; `lost` are those of them that can be had nowhere; `jobs` has the names of
    each job's lines. `documents` of requests, batches and orphans, by path."""

    paid: dict[str, int]
    lost: Collection[str]
    jobs: Mapping[str, Collection[str]]
    documents: Documents


def lanes_wrong(evidence: LanesEvidence) -> list[str]:
    """Every violation, a sentence each."""
    return [
        *_paid_twice(evidence),
        *_left_open(evidence.documents),
        *_of_no_job(evidence),
        *_nobodys(evidence),
        *_dear(evidence.documents),
    ]


def _paid_twice(evidence: LanesEvidence) -> Iterator[str]:
    """A line's name is made for one batch: no create that was lost makes a second."""
    for name, times in evidence.paid.items():
        if times > 1:
            yield f"line {name}: paid {times} times"


def _left_open(documents: Documents) -> Iterator[str]:
    for path, fields in documents.items():
        if "/batches/" in path and fields["state"] != CLOSED:
            yield f"{path}: at rest, but {fields['state']} in stage {fields['stage']}"


def _of_no_job(evidence: LanesEvidence) -> Iterator[str]:
    for path, fields in _answered(evidence.documents):
        job, _, name = fields["line"].partition("/")
        if name not in evidence.jobs.get(job, ()) or not evidence.paid.get(name):
            yield f"{path}: its answer is of line {fields['line']}, which the provider never answered"


def _nobodys(evidence: LanesEvidence) -> Iterator[str]:
    """A paid line is its request's answer, or lies beside it."""
    had = {
        str(fields["line"]).partition("/")[2]
        for path, fields in evidence.documents.items()
        if "/batches/" not in path and fields.get("line")
    }
    for name in evidence.paid.keys() - had - set(evidence.lost):
        yield f"line {name}: paid, and nobody has its answer"


def _dear(documents: Documents) -> Iterator[str]:
    """The provider bills a line by half of what it takes at once."""
    for path, fields in _answered(documents):
        result = fields["result"]
        saved, usd = result["cost"].get("saved_by_lane_usd") or 0, result["cost"]["usd"]
        if result.get("lane") != "batch" or not math.isclose(saved, usd):
            told = f"lane {result.get('lane')}, {usd} dollars, {saved} saved"
            yield f"{path}: answered by a batch, and says {told}"


def _answered(documents: Documents) -> Iterator[tuple[str, dict[str, Any]]]:
    """Requests whose answer a line has brought."""
    for path, fields in documents.items():
        is_request = "/requests/" in path and "/orphans/" not in path
        if is_request and fields.get("line") and fields["result"]["status"] == "completed":
            yield path, fields
