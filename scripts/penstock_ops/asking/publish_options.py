"""What the options and arguments of `penstock publish` ask for: checked messages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import BadMessage
from penstock_ops.asking.outgoing import Body, Outgoing, check, outgoing, read_bodies
from penstock_ops.terminal.faults import Misuse

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


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


def seconds(text: str) -> float:
    """`90`, `90s`, `10m`, `2h` or `1d` in seconds. Raises Misuse."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise Misuse(f"{text!r} is no duration: write 90, 90s, 10m, 2h or 1d.")
    return float(match[1]) * _SECONDS[match[2]]


def messages_of(prompts: Sequence[str], files: Sequence[Path], options: Options) -> list[Outgoing]:
    """All messages, or none when one is wrong. Raises Misuse."""
    bodies: list[tuple[str, Body]] = []
    for prompt in prompts:
        bodies += read_bodies(Path("-")) if prompt == "-" else [("the prompt", {"prompt": prompt})]
    for path in files:
        bodies += read_bodies(path)
    if not bodies:
        raise Misuse("Nothing to publish: give a prompt, --file FILE, or - for stdin.")
    if options.request_id and len(bodies) > 1:
        raise Misuse(f"--id names one request, and there are {len(bodies)}: each needs its own.")
    fields = options.fields()
    messages = [outgoing(_with(fields, body, where), where) for where, body in bodies]
    if not options.unchecked:
        for message in messages:
            _check(message)
    return messages


def _with(fields: Mapping[str, Any], body: Body, where: str) -> Body:
    if isinstance(body, bytes):
        return body
    merged = dict(fields) | dict(body)
    if {"deadline", "max_wait_s"} & body.keys():
        merged = {k: v for k, v in merged.items() if k not in ("deadline", "max_wait_s") or k in body}
    for name in ("params", "metadata"):
        if isinstance(body.get(name), dict) and name in fields:
            merged[name] = fields[name] | body[name]
    return merged


def _check(message: Outgoing) -> None:
    try:
        check(message)
    except BadMessage as error:
        raise Misuse(
            f"{message.where}: {error} Nothing was published. (--unchecked publishes it all the same.)"
        ) from None


def _pair(text: str, option: str, convert: Callable[[str], Any]) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise Misuse(f"{option} takes NAME=VALUE, not {text!r}.")
    return name, convert(value)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
