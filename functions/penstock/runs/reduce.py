"""A reduce's tree: neighbours of one group go together while they fit, level by level.

Nothing is ever cut off: an input that is too large by itself fails, and a level that brings nothing together
ends the run with a sentence that says which limit to raise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from penstock.money.estimate import BYTES_PER_TOKEN, estimate_tokens


@dataclass(frozen=True, slots=True)
class Input:
    """One item as the request will show it; None: it cannot be shown, `fault` says why."""

    group: str
    id: str
    text: str | None
    fault: str = ""


@dataclass(slots=True)
class Bundle:
    """Inputs of one group that are asked about together, or one that failed before it could be."""

    group: str
    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    fault: str = ""

    def joined(self, join: str) -> str:
        return join.join(self.texts)


def bundles(inputs: Iterable[Input], join: str, max_input_tokens: int) -> Iterator[Bundle]:
    """The inputs in their order, as few bundles as filling one after the other makes."""
    open_: Bundle | None = None
    size = 0
    for one in inputs:
        if open_ is not None and open_.group != one.group:
            yield open_
            open_ = None
        fault = one.fault or _too_large(one, max_input_tokens)
        if fault:
            yield Bundle(one.group, [one.id], [], fault)
            continue
        text = one.text or ""
        grown = size + len((join + text).encode())
        if open_ is None or _tokens(grown) > max_input_tokens:
            if open_ is not None:
                yield open_
            open_, grown = Bundle(one.group), len(text.encode())
        open_.ids.append(one.id)
        open_.texts.append(text)
        size = grown
    if open_ is not None:
        yield open_


def _too_large(one: Input, max_input_tokens: int) -> str:
    tokens = estimate_tokens(one.text or "")
    if tokens <= max_input_tokens:
        return ""
    return f"An input has about {tokens} tokens, max_input_tokens is {max_input_tokens}."


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)
