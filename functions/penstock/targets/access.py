"""How a target is let in: which of key, ID token and access token goes with which address.

A token of our own identity must never reach a server that could use it: an access token opens everything that
the identity may do on Google Cloud, so it goes to Google alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from penstock.targets.pasted import is_key

if TYPE_CHECKING:
    from penstock.targets.routes import Routes, Target

#: Google's own addresses. RE2 reads it as Python does: Terraform refuses by the same text.
GOOGLE: Final = r"^https://([a-z0-9-]+\.)+googleapis\.com(:443)?(/[A-Za-z0-9._~/-]*)?$"
#: This machine, where a stand-in for Google may answer while nothing real is at stake.
_LOOPBACK: Final = r"^https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$"
#: A version of a secret, as keys.SecretManagerKey takes it.
VERSION: Final = r"^projects/[^/\s]+/secrets/[^/\s]+(/versions/[^/\s]+)?$"
#: A model's name: no space at either end, no line break.
MODEL: Final = r"^\S(.*\S)?$"

#: What Google's OpenAI-compatible endpoint drops without a word, of all that a request may carry.
#: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/start/openai lists what it knows.
IGNORED_BY_GOOGLE: Final = ("response_format.json_schema.strict", "tools[].function.strict")


def access_faults(routes: Routes, *, in_cloud: bool) -> list[str]:
    """One sentence for each thing that keeps a target's calls out; no sentence repeats a key."""
    aliases = [f"there is {_KEY_IN} an alias: {_KEY_GOES}" for alias in routes.routes if is_key(alias)]
    targets = [
        f"{_called(target)} {sentence}"
        for target in routes.targets.values()
        for sentence in [*_pasted(target), *_forms(target), *_of_auth(target, in_cloud=in_cloud)]
    ]
    return [f"PENSTOCK_ROUTES: {fault}" for fault in [*aliases, *targets]]


def access_warnings(routes: Routes) -> list[str]:
    """What is not wrong, but will surprise."""
    ignored = " and ".join(IGNORED_BY_GOOGLE)
    return [
        f"PENSTOCK_ROUTES: target {target.name!r} ignores {ignored}, as all of Google's endpoint does: "
        "without saying so."
        for target in routes.targets.values()
        if target.auth == "access_token"
    ]


def may_have_access_token(base_url: str, *, in_cloud: bool) -> bool:
    """Whether an access token may be sent to `base_url`."""
    allowed = [GOOGLE] if in_cloud else [GOOGLE, _LOOPBACK]
    return any(re.fullmatch(address, base_url) for address in allowed)


def _called(target: Target) -> str:
    return "a target" if is_key(target.name) else f"target {target.name!r}"


def _pasted(target: Target) -> list[str]:
    fields = [name for name, value in target if isinstance(value, str) and is_key(value)]
    return [f"has {_KEY_IN} {name}: {_KEY_GOES}" for name in fields]


def _forms(target: Target) -> list[str]:
    faults = []
    if not re.fullmatch(MODEL, target.model):
        faults.append("has a model with a space at an end, or a line break: leave it out.")
    if target.secret is not None and not re.fullmatch(VERSION, target.secret):
        faults.append("has a secret with a space in its name: write projects/P/secrets/S/versions/V.")
    return faults


def _of_auth(target: Target, *, in_cloud: bool) -> list[str]:
    if target.auth == "key":
        keyless = in_cloud and target.provider == "openai" and not target.secret and not target.rented
        return [_KEYLESS] if keyless else []
    faults = []
    if target.secret is not None:
        faults.append(f'has a secret beside "auth": "{target.auth}": one of them is all it sends.')
    if target.base_url is None:
        faults.append(f'needs a base_url for its "auth": "{target.auth}".')
    elif target.auth == "access_token" and not may_have_access_token(target.base_url, in_cloud=in_cloud):
        faults.append(_GOOGLE_ALONE)
    if target.auth == "access_token" and target.provider != "openai":
        faults.append('has "auth": "access_token", which Google\'s OpenAI-compatible endpoint alone takes.')
    return faults


_KEY_IN: Final = "what reads like a key in"
_KEY_GOES: Final = "put the key into a secret, and the secret's name here."
_KEYLESS: Final = (
    'needs a secret (projects/…/secrets/…), or "auth": "id_token" for a private Cloud Run service, '
    'or "auth": "access_token" for Google\'s own models.'
)
_GOOGLE_ALONE: Final = (
    "must have a base_url of Google's, https://….googleapis.com/…, without a query: "
    "an access token goes nowhere else."
)
