"""The model to ask when a server's address is known and no model is named: the first one that it lists."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.proxies import unheeded


def first_model(env: Mapping[str, str]) -> str:
    """The first model that the server at OPENAI_BASE_URL lists. Raises OperatorFault."""
    url = env["OPENAI_BASE_URL"].rstrip("/") + "/models"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # as the calls to the model
    try:
        with direct.open(_request(url, env), timeout=10) as reply:
            model = json.load(reply)["data"][0]["id"]
    except urllib.error.HTTPError as error:
        raise OperatorFault(
            f"OPENAI_BASE_URL: {url} answers {error.code} {error.reason}.{_advice(error)}"
        ) from None
    except (OSError, HTTPException) as error:
        why = f"{getattr(error, 'reason', error) or type(error).__name__}"
        raise OperatorFault(
            f"OPENAI_BASE_URL: {url} does not answer ({why}). Is the server up? {unheeded(env)}".rstrip()
        ) from None
    except (ValueError, KeyError, IndexError, TypeError):
        raise OperatorFault(
            f"OPENAI_BASE_URL: {url} lists no model; name it in PENSTOCK_DEFAULT_MODEL."
        ) from None
    return str(model)


def _request(url: str, env: Mapping[str, str]) -> urllib.request.Request:
    key = env.get("OPENAI_API_KEY") or "none"
    return urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310  # http(s) alone: settings saw to it


def _advice(error: urllib.error.HTTPError) -> str:
    if error.code in (401, 403):
        return " Is OPENAI_API_KEY the key of this server?"
    return " It lists no models there; name one in PENSTOCK_DEFAULT_MODEL." if error.code == 404 else ""
