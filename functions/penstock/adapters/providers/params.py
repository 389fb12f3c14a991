"""A request's parameters under the names that a provider takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

#: Where OpenAI itself answers (regional addresses end the same way), and Azure's OpenAI.
_OPENAI_HOSTS = ("api.openai.com", "openai.azure.com")
#: Where OpenAI's models are had beside others: Azure's Foundry and gateway, GitHub's models, Cloudflare's.
_SHOPS = (
    *("services.ai.azure.com", "cognitiveservices.azure.com", "azure-api.net"),
    *("models.inference.ai.azure.com", "models.github.ai", "gateway.ai.cloudflare.com"),
)
#: What follows a gateway's name in Cloudflare's addresses where it is OpenAI's own API.
_THROUGH_CLOUDFLARE = re.compile(r"/v1/[^/]+/[^/]+/(?:azure-)?openai(?:/|$)")
#: OpenAI's models that refuse `max_tokens`, with or without a seller's prefix: o1 and later, GPT-5 and later.
_REASONING = re.compile(r"(?:.*/)?(?:o[1-9]|gpt-(?:[5-9]|1\d))(?![0-9a-z])", re.IGNORECASE)
#: Parameters that TGI would drop without a word.
TGI_UNKNOWN = frozenset({"reasoning_effort"})


def openai_params(
    params: Mapping[str, Any], base_url: str, model: str, max_tokens_as: str | None = None
) -> dict[str, Any]:
    """`max_tokens` is `max_completion_tokens` to OpenAI, whose reasoning models refuse the old name.

    Every other server takes `max_tokens` (vLLM takes both, but llama.cpp, Ollama and TGI knew only that one
    for long), so there it keeps its name: a server that does not know the other one would set no limit at
    all. A target's `max_tokens_as` goes before what its address and model say. All other names are OpenAI's.
    """
    name_of_limit = max_tokens_as or _name_of_limit(base_url, model)
    return {name_of_limit if name == "max_tokens" else name: value for name, value in params.items()}


@cache  # asked with every call, and a deployment has few targets
def _name_of_limit(base_url: str, model: str) -> str:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    is_new = _is_at(host, _OPENAI_HOSTS) or (
        _is_at(host, _SHOPS) and bool(_REASONING.match(model) or _THROUGH_CLOUDFLARE.match(parts.path))
    )
    return "max_completion_tokens" if is_new else "max_tokens"


def _is_at(host: str, known: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith("." + name) for name in known)


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
