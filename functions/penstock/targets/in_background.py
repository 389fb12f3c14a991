"""What a call in background cannot say: OpenAI's Responses API has no word for it (API reference)."""

from __future__ import annotations

from typing import Final

from penstock.messages.request import Request

_PARAMS: Final = ("stop", "seed", "frequency_penalty", "presence_penalty")
#: What other servers want back with an assistant's message; and a speaker's name.
_FIELDS: Final = ("name", "reasoning_content", "reasoning", "reasoning_details", "extra_content")


def unsayable(request: Request) -> str | None:
    """The first field of `request` that has no translation; None: all of it has one."""
    param = next((name for name in _PARAMS if name in request.params), None)
    if param is not None:
        return param
    return next((name for message in request.messages for name in _FIELDS if name in message), None)
