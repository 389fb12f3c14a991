"""What a demo asks: prompts and files from the command line, or the shipped file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from penstock_ops.asking.bodies import LINES, TABLES, read_requests
from penstock_ops.asking.found import Found, object_in
from penstock_ops.asking.outgoing import outgoing
from penstock_ops.asking.publish_options import typed
from penstock_ops.asking.spool import Spool
from penstock_ops.terminal.faults import Misuse

#: A word that ends so is a file's name, there or not.
_FILES = (*LINES, *TABLES, ".json", ".txt", ".md", ".pdf", ".docx", ".xlsx", ".gz", ".zip")


def fill(spool: Spool, questions: Sequence[str]) -> None:
    """Put the messages of `questions` into `spool`; none: the shipped ones. Raises Misuse.

    What can be no request goes out too: a demo shows what becomes of it.
    """
    run = f"demo-{secrets.token_hex(2)}"
    for number, one in enumerate(found(questions) if questions else _shipped(run), 1):
        message = outgoing(one.body, f"{run}-{number:02d}")
        if message.size_fault:
            raise Misuse(one.too_large(message.size_fault))
        spool.add(message)


def _shipped(run: str) -> Iterator[Found]:
    text = resources.files("penstock_ops.local").joinpath("prompts.jsonl").read_text(encoding="utf-8")
    for line in text.splitlines():
        body = object_in(line)
        yield Found(body if isinstance(body, bytes) else _in_run(run, body), "prompts.jsonl")


def found(questions: Sequence[str]) -> Iterator[Found]:
    """Prompts and the requests of files, in their order. Raises Misuse."""
    for question in questions:
        if question == "-" or _names_file(question):
            yield from read_requests(Path(question))
        elif question.strip():
            yield Found({"prompt": typed(question, "the prompt")}, "the command line")
        else:
            raise Misuse("A prompt must say something.")


def _names_file(question: str) -> bool:
    """Whether it is a file's name, there or not: a prompt may end in one, but has spaces before it."""
    return question.lower().endswith(_FILES) and (" " not in question or os.path.exists(question))


def _in_run(run: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The shipped ids show what one id twice does: within this run, not against the last one."""
    return {**body, "request_id": f"{run}-{body['request_id']}"} if "request_id" in body else body
