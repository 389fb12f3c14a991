"""Who asks, and what they may."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.door.key import SCOPES, Key
from penstock.door.wrong import DENIED, Wrong
from penstock.messages.request import LONGEST_WAIT_S


@dataclass(frozen=True, slots=True)
class Caller:
    """`key_id` is empty where the platform let the caller in."""

    tenant: str
    key_id: str = ""
    scopes: tuple[str, ...] = SCOPES
    routes: tuple[str, ...] = ()
    longest_wait_s: float = LONGEST_WAIT_S

    @classmethod
    def of(cls, key: Key) -> Caller:
        return cls(key.tenant, key.key_id, key.scopes, key.routes, key.longest_wait_s or LONGEST_WAIT_S)

    def check(self, scope: str) -> None:
        """Raises Wrong."""
        if scope not in self.scopes:
            told = f"This key may not do that: it has no scope `{scope}`."
            raise Wrong(403, told, kind=DENIED, code="insufficient_permissions")

    def may_ask(self, alias: str) -> bool:
        return not self.routes or alias in self.routes
