"""Proxies in the environment: calls to models heed none, and whoever has set one is told so."""

from __future__ import annotations

from collections.abc import Mapping

_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def unheeded(env: Mapping[str, str]) -> str:
    """The sentence about a proxy that is set; empty: none is."""
    name = next((name for name in _VARIABLES if env.get(name)), None)
    return f"{name} is set, but Penstock uses no proxy: models are asked directly." if name else ""
