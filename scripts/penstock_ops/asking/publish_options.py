"""What the options and arguments of `penstock publish` ask for: checked messages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_ops.asking.bodies import read_requests
from penstock_ops.asking.found import Body, Found
from penstock_ops.asking.outgoing import Outgoing, outgoing
from penstock_ops.asking.spool import Spool
from penstock_ops.terminal.durations import seconds
from penstock_ops.terminal.faults import Misuse

_UNDECODED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Options:
    """What the options ask for every request; a field that a request of a file sets itself stays."""

    request_id: str | None = None
    tenant: str | None = None
    model: str | None = None
    params: Sequence[str] = ()
    metadata: Sequence[str] = ()
    cache: str | None = None
    deadline: str | None = None
    max_wait: str | None = None
    unchecked: bool = False

    def fields(self) -> dict[str, Any]:
        """As fields of a request. Raises Misuse."""
        given = {
            "request_id": self.request_id,
            "tenant": self.tenant,
            "model": self.model,
            "cache": self.cache,
            "deadline": self.deadline,
            "max_wait_s": seconds(self.max_wait) if self.max_wait else None,
            "params": dict(_pair(text, "--param", _value) for text in self.params) or None,
            "metadata": dict(_pair(text, "--metadata", str) for text in self.metadata) or None,
        }
        return {name: value for name, value in given.items() if value is not None}


def fill(spool: Spool, prompts: Sequence[str], files: Sequence[Path], options: Options) -> None:
    """Put all messages into `spool`, checked. Raises Misuse when one is wrong: then none may be published."""
    if prompts.count("-") > 1:
        raise Misuse("stdin can be read once: give one - alone.")
    fields = options.fields()
    for found in _found(prompts, files):
        if options.request_id and len(spool):
            raise Misuse("--id names one request, and there are more: each needs its own.")
        message = outgoing(_with(fields, found.body))
        _check(message, found, options)
        spool.add(message)
    if not len(spool):
        raise Misuse("Nothing to publish: give a prompt, --file FILE, or - for stdin.")


def _found(prompts: Sequence[str], files: Sequence[Path]) -> Iterator[Found]:
    for prompt in prompts:
        if prompt == "-":
            yield from read_requests(Path("-"))
        else:
            yield Found({"prompt": typed(prompt, "the prompt")}, "the prompt")
    for path in files:
        yield from read_requests(path)


def typed(text: str, what: str) -> str:
    """Text from the command line, which arrives as bytes. Raises Misuse when they are no UTF-8.

    In a locale without UTF-8, Python hands on what it cannot decode as half surrogates (PEP 383).
    """
    try:
        return os.fsencode(text).decode() if _UNDECODED.search(text) else text
    except UnicodeDecodeError as error:
        raise Misuse(f"{what} is not UTF-8 text (byte {error.start}): type it in UTF-8.") from None


def _with(fields: Mapping[str, Any], body: Body) -> Body:
    if isinstance(body, bytes):
        return body
    merged = dict(fields) | dict(body)
    if {"deadline", "max_wait_s"} & body.keys():
        merged = {k: v for k, v in merged.items() if k not in ("deadline", "max_wait_s") or k in body}
    for name in ("params", "metadata"):
        if isinstance(body.get(name), dict) and name in fields:
            merged[name] = fields[name] | body[name]
    return merged


def _check(message: Outgoing, found: Found, options: Options) -> None:
    if message.size_fault:
        raise Misuse(f"{found.too_large(message.size_fault)} Nothing was published.")
    if message.fault and not options.unchecked:
        told = found.unreadable() if isinstance(found.body, bytes) else found.told(message.fault)
        raise Misuse(f"{told} Nothing was published. (--unchecked publishes it all the same.)")


def _pair(text: str, option: str, convert: Callable[[str], Any]) -> tuple[str, Any]:
    name, equals, value = typed(text, option).partition("=")
    if not (name and equals):
        raise Misuse(f"{option} takes NAME=VALUE, not {text!r}.")
    return name, convert(value)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
