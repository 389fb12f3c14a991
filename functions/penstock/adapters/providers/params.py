"""A request's parameters under the names that a provider takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

#: Where OpenAI itself answers (regional addresses end the same way), and Azure's OpenAI.
_OPENAI_HOSTS = ("api.openai.com", "openai.azure.com")
#: Parameters that TGI would drop without a word.
TGI_UNKNOWN = frozenset({"reasoning_effort"})


def openai_params(params: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """`max_tokens` is `max_completion_tokens` to OpenAI, whose reasoning models refuse the old name.

    Every other server takes `max_tokens` (vLLM takes both, but llama.cpp, Ollama and TGI knew only that one
    for long), so there it keeps its name. All other names are OpenAI's own.
    """
    host = urlsplit(base_url).hostname or ""
    is_openai = any(host == known or host.endswith("." + known) for known in _OPENAI_HOSTS)
    renamed = {"max_tokens": "max_completion_tokens"} if is_openai else {}
    return {renamed.get(name, name): value for name, value in params.items()}


def tgi_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of huggingface_hub's chat_completion.

    TGI refuses a `top_p` of 1 and a `response_format` of text, which mean the same as none; `stop` must be a
    list there. What it does not know at all (TGI_UNKNOWN) has to be refused before.
    """
    named = dict(params)
    if named.get("top_p") == 1:
        del named["top_p"]
    if named.get("response_format") == {"type": "text"}:
        del named["response_format"]
    if isinstance(named.get("stop"), str):
        named["stop"] = [named["stop"]]
    return named
