"""A key of the door, `keys/{key_id}`: whose it is, what it may do, and the hashes of its secrets.

What a client sends is `key_id.secret`, 256 random bits, of which the SHA-256 alone is stored. The id
stays when a secret is rotated, and two secrets live side by side meanwhile: nothing that is counted by the id
begins anew.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from penstock.errors import BadMessage, Reason

#: What a key may be let do: send requests, look at them, send files and batches.
SCOPES: Final = ("submit", "read", "batch")

_KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
KEY_ID_RULE: Final = "must be 1 to 64 characters of A-Z a-z 0-9 _ - starting with a letter or digit"
_SECRET_LIMIT: Final = 256


@dataclass(frozen=True, slots=True)
class Secret:
    """One of a key's secrets. `ends_at`: from then on it lets nobody in; None: as long as the key does."""

    sha256: str
    created_at: datetime
    ends_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        return self.ends_at is None or now < self.ends_at

    def encode(self) -> dict[str, Any]:
        return {"sha256": self.sha256, "created_at": self.created_at, "ends_at": self.ends_at}


@dataclass(frozen=True, slots=True)
class Key:
    """`routes` empty: every route. `longest_wait_s`: what its requests may wait at most; None: what anybody
    may."""

    key_id: str
    tenant: str
    scopes: tuple[str, ...]
    routes: tuple[str, ...]
    longest_wait_s: float | None
    created_at: datetime
    secrets: tuple[Secret, ...] = ()
    ends_at: datetime | None = None
    revoked_at: datetime | None = None

    def with_new_secret(self, now: datetime, old_until: datetime | None) -> tuple[Key, str]:
        """The key with one more secret, and what its client sends from now on: it is shown once.

        The newest one before lives on until `old_until`, and any older one ends.
        """
        text = secrets.token_urlsafe(32)
        kept = tuple(replace(one, ends_at=old_until) for one in self.secrets[-1:])
        return replace(self, secrets=(*kept, Secret(hash_of(text), now))), f"{self.key_id}.{text}"

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.ends_at is None or now < self.ends_at)

    def lets_in(self, secret: str, now: datetime) -> bool:
        """Whether `secret` is one of its own, and lives."""
        given = hash_of(secret)
        ours = [one for one in self.secrets if hmac.compare_digest(one.sha256, given)]
        return self.is_live(now) and any(one.is_live(now) for one in ours)

    def encode(self) -> dict[str, Any]:
        return {
            "key_id": self.key_id,
            "tenant": self.tenant,
            "scopes": list(self.scopes),
            "routes": list(self.routes),
            "longest_wait_s": self.longest_wait_s,
            "created_at": self.created_at,
            "secrets": [secret.encode() for secret in self.secrets],
            "ends_at": self.ends_at,
            "revoked_at": self.revoked_at,
        }

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Key:
        """Raises BadMessage (internal) on a document that no version of Penstock wrote."""
        try:
            known = {name: value[name] for name in cls.__slots__}
            known["secrets"] = tuple(Secret(**secret) for secret in value["secrets"])
            return cls(**known | {name: tuple(value[name]) for name in ("scopes", "routes")})
        except (KeyError, TypeError):
            raise BadMessage("The stored document of this key cannot be read.", Reason.INTERNAL) from None


def hash_of(secret: str) -> str:
    """256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_key_id(text: str) -> bool:
    return _KEY_ID.fullmatch(text) is not None


def parts_of(sent: str) -> tuple[str, str] | None:
    """The id and the secret of what a client sent; None: it is no key."""
    key_id, dot, secret = sent.partition(".")
    if dot and is_key_id(key_id) and 0 < len(secret) <= _SECRET_LIMIT and secret.isascii():
        return key_id, secret
    return None
