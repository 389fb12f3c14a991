"""A provider's key where a name belongs: known by its prefix, and then never repeated."""

from __future__ import annotations

import re
from typing import Final

#: What keys begin with, as their issuers make them: OpenAI, Anthropic, OpenRouter and DeepSeek sk-, Google
#: AIza, AQ. and ya29., Hugging Face hf_, Groq gsk_, then xAI, Perplexity, NVIDIA, Replicate, AWS and GitHub.
#: RE2 reads it as Python does: Terraform refuses by the same text (terraform/modules/routes/pasted.tf).
KEY: Final = (
    r"""(^|[^A-Za-z0-9])(sk-[A-Za-z0-9_-]{12,}|AIza[A-Za-z0-9_-]{12,}|gsk_[A-Za-z0-9]{8,}|hf_[A-Za-z0-9]{16,}"""
    r"""|AQ\.[A-Za-z0-9_-]{16,}|ya29\.[A-Za-z0-9_-]+|(xai|pplx)-[A-Za-z0-9]{20,}|nvapi-[A-Za-z0-9_-]{20,}"""
    r"""|r8_[A-Za-z0-9]{20,}|(AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|-----BEGIN |[Bb]earer )"""
    r"""|(^|["'/])\s*(sk-|AIza|gsk_)"""
)

_KEY = re.compile(KEY)
#: In a sentence of ours nothing else begins so; and with the key goes what is glued to it.
_WHOLE = re.compile(rf"({KEY}|[^A-Za-z0-9](sk-|AIza|gsk_))[A-Za-z0-9_.-]*")


def is_key(text: str) -> bool:
    """Whether `text` holds what reads like a key."""
    return _KEY.search(text) is not None


def without_keys(sentence: str) -> str:
    """The same sentence, fit to be shown."""
    return _WHOLE.sub(lambda found: f"{_before(found.group())}(a key, not shown)", sentence)


def _before(key: str) -> str:
    """The sign before a key that told that it begins there."""
    return "" if key[0].isalnum() else key[0]
