"""A batch as OpenAI's API tells of it, and what that means (API reference, the batch object)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from openai.types import Batch, BatchError

from penstock.runner import Job, Problem

_ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
#: More prompt tokens are enqueued than the account may have: told after the create, by a batch that failed.
_ALLOWANCE: Final = frozenset({"token_limit_exceeded", "request_limit_exceeded"})
_CODE: Final = re.compile(r"[a-z][a-z_]{1,47}")


def job_of(batch: Batch) -> Job:
    ended = batch.status in _ENDED
    problem, lines, codes = _problem(batch) if batch.status == "failed" else (None, (), ())
    return Job(
        name=batch.id,
        created_at=datetime.fromtimestamp(batch.created_at, UTC),
        file=batch.input_file_id,
        mark=batch.metadata or {},
        ended=ended,
        settled=ended and _settled(batch),
        # An empty id is no file.
        answers=(batch.output_file_id,) if batch.output_file_id else (),
        errors=(batch.error_file_id,) if batch.error_file_id else (),
        problem=problem,
        bad_lines=lines,
        told=f"The batch failed at its provider ({', '.join(codes) or 'no code'})." if problem else "",
    )


def _settled(batch: Batch) -> bool:
    """A batch may be told as completed before its files are there."""
    counts = batch.request_counts
    if counts is None:
        return True
    answers = not counts.completed or bool(batch.output_file_id)
    return answers and (not counts.failed or bool(batch.error_file_id))


def _problem(batch: Batch) -> tuple[Problem, tuple[int, ...], tuple[str, ...]]:
    errors: list[BatchError] = (batch.errors.data if batch.errors is not None else None) or []
    codes = tuple(error.code for error in errors if error.code and _CODE.fullmatch(error.code))
    lines = tuple(error.line - 1 for error in errors if error.line)
    if _ALLOWANCE & set(codes):
        return Problem.ALLOWANCE, (), codes
    return (Problem.LINES if lines else Problem.WHOLE), lines, codes
