"""The stage with the door on it: front_door beside the other functions, and a key of each tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from penstock.door.key import SCOPES, Key
from penstock.paths import key_path
from penstock.ports import Put
from tests.chaos.processes.instance import Instance
from tests.chaos.processes.stage import Stage
from tests.chaos.processes.workload import TENANTS


@dataclass
class DoorStage(Stage):
    """`keys`: what the bearers of each tenant send."""

    doors: int = 2
    keys: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        self.env = {**self.env, "PENSTOCK_DOOR": "keys"}
        await super().__aenter__()
        for tenant in TENANTS:
            self.keys[tenant] = await self._key_of(tenant)
        return self

    @property
    def urls(self) -> list[str]:
        return [front.url for front in self.fronts]

    @property
    def victims(self) -> list[Instance]:
        """Who is killed: whoever pays, the doors and the request handlers."""
        paying = ("front_door", "request_handler")
        return [instance for instance in self.instances if instance.target in paying]

    async def found(self) -> dict[str, Mapping[str, object]]:
        """Every request and every day's usage, by path."""
        return {**await self.documents("requests"), **await self.documents("usage")}

    async def _key_of(self, tenant: str) -> str:
        now = datetime.now(UTC)
        key, sent = Key(f"key-{tenant}", tenant, SCOPES, (), None, now).with_new_secret(now, None)
        await self.store.commit([Put(key_path(key.key_id), key.encode())], timeout_s=30)
        return sent
