"""The parameters that say nothing where they have their usual value: taken, and not sent on.

Everything else that is not known is refused by its name: what nobody heeds would change the answer unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.door.wrong import unknown

Check = Callable[[Any], bool]


def _one_of(*values: Any) -> Check:
    """As JSON tells values apart: true is no 1."""
    return lambda value: any(type(value) is type(one) and value == one for one in values)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _nothing_to_include(value: Any) -> bool:
    """Thoughts that OpenAI alone can read: an answer here has none, so all of them are in it."""
    return isinstance(value, list) and all(one == "reasoning.encrypted_content" for one in value)


#: For both ways to ask: hints to OpenAI's own house, and defaults.
HINTS: Final[Mapping[str, Check]] = {
    "user": _text,
    "safety_identifier": _text,
    "prompt_cache_key": _text,
    "prompt_cache_retention": _text,
    "parallel_tool_calls": _one_of(True),
    "verbosity": _one_of("medium"),
    "top_logprobs": _one_of(0),
}

CHAT: Final[Mapping[str, Check]] = {
    **HINTS,
    "n": _one_of(1),
    "store": _one_of(True, False),
    "logprobs": _one_of(False),
    "logit_bias": _one_of({}),
    "modalities": _one_of(["text"]),
}

RESPONSES: Final[Mapping[str, Check]] = {
    **HINTS,
    "store": _one_of(True, False),
    "truncation": _one_of("disabled"),
    "include": _nothing_to_include,
}


def without_noise(body: Mapping[str, Any], noise: Mapping[str, Check]) -> dict[str, Any]:
    """`body` without what is null or says nothing. Raises Wrong where a known name asks for more."""
    meant = {name: value for name, value in body.items() if value is not None}
    for name in noise.keys() & meant.keys():
        if not noise[name](meant.pop(name)):
            raise unknown(name, "may only have its default here: leave it out")
    return meant


def check_known(body: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raises Wrong for the first name that is not `known`."""
    for name in body:
        if name not in known:
            plain = len(name) <= 64 and name.isidentifier()
            raise unknown(name if plain else "(a field with an unusual name)")
