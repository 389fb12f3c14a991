"""The model to ask when a server's address is known and no model is named: the first one that it lists."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping

from penstock_ops.terminal.faults import OperatorFault


def first_model(env: Mapping[str, str]) -> str:
    """The first model that the server at OPENAI_BASE_URL lists. Raises OperatorFault."""
    url = env["OPENAI_BASE_URL"].rstrip("/") + "/models"
    try:
        with urllib.request.urlopen(_request(url, env), timeout=10) as reply:  # noqa: S310  # http(s) alone
            model = json.load(reply)["data"][0]["id"]
    except OSError as error:
        raise OperatorFault(
            f"OPENAI_BASE_URL: {url} does not answer ({getattr(error, 'reason', error)}). Is the server up?"
        ) from None
    except (ValueError, KeyError, IndexError, TypeError):
        raise OperatorFault(
            f"OPENAI_BASE_URL: {url} lists no model; name it in PENSTOCK_DEFAULT_MODEL."
        ) from None
    return str(model)


def _request(url: str, env: Mapping[str, str]) -> urllib.request.Request:
    if not url.startswith(("http://", "https://")):
        raise OperatorFault(f"OPENAI_BASE_URL must start with http:// or https://, not {url!r}.")
    key = env.get("OPENAI_API_KEY") or "none"
    return urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310  # checked above
