"""An endpoint: where callbacks go, by name; and, in a document beside, what the courier has found of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from penstock.errors import BadMessage, Reason
from penstock.timing import Timing
from penstock.written import spoilt

URL_LIMIT: Final = 2048
#: Names that say where they lead; local systems alone send there, for a receiver that is being written.
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
#: Top-level domains that no public name has (RFC 6761, RFC 6762, ICANN's .internal).
_INTERNAL: Final = frozenset({"internal", "local", "localhost", "test", "invalid", "onion"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`version` numbers its keys: each is made of the one master secret (signing.py)."""

    tenant: str
    name: str
    url: str
    version: int = 1
    #: When the key before this one was replaced: for a while both sign.
    rotated_at: datetime | None = None
    created_at: datetime | None = None

    def encode(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Endpoint:
        """Raises BadMessage on what is no endpoint."""
        try:
            return cls(**{name: document[name] for name in cls.__slots__ if name in document})
        except TypeError:
            raise BadMessage("The document of this endpoint cannot be read.", Reason.INTERNAL) from None

    def versions(self, now: datetime, timing: Timing) -> list[int]:
        """The keys that sign at `now`, the newest first."""
        if self.rotated_at is None or self.version == 1:
            return [self.version]
        over = now >= self.rotated_at + timedelta(seconds=timing.both_keys_s)
        return [self.version] if over else [self.version, self.version - 1]


@dataclass(frozen=True, slots=True)
class Reach:
    """How it answers: since when it has failed without a success between, and whether it is switched off."""

    failing_since: datetime | None = None
    off_at: datetime | None = None
    off_why: str = ""

    @classmethod
    def decode(cls, document: Mapping[str, Any] | None) -> Reach:
        known = document or {}
        return cls(known.get("failing_since"), known.get("off_at"), known.get("off_why", ""))


def url_fault(url: str, *, local: bool) -> str:
    """What keeps callbacks from going to `url`, after its name in a sentence; empty: nothing.

    What a name leads to is known when it is dialled, and checked there (adapters/outlet): a name that is
    public today need not be so tomorrow. `local`: this machine may be told over plain http.
    """
    if fault := spoilt(url):
        return fault
    if len(url) > URL_LIMIT:
        return f"is longer than {URL_LIMIT} characters."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _NO_ADDRESS
    if "@" in parts.netloc:
        return "has a user or password: leave it out; the signature says who sends."
    if parts.fragment or not host or "\\" in url or " " in url:
        return _NO_ADDRESS
    if local and parts.scheme in ("http", "https") and host in _LOOPBACK:
        return ""
    if parts.scheme != "https" or port not in (None, 443):
        return "must be https on port 443."
    return _host_fault(host)


_NO_ADDRESS: Final = "is no address: write it as https://host/path."


def _host_fault(host: str) -> str:
    if ":" in host or not _HOST.fullmatch(host):
        return "must name a host in letters, digits, hyphens and dots, and no IP address."
    labels = host.rstrip(".").lower().split(".")
    # No top-level domain is a number (RFC 3696 §2): what ends in one is 127.1, 0x7f000001 or 2130706433.
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        return "must name a host, and no IP address: no certificate would fit it."
    if len(labels) == 1 or labels[-1] in _INTERNAL:
        return "must name a host on the internet."
    return ""
