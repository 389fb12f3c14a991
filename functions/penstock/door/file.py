"""A file that a client sent, `tenants/{tenant}/files/{file_id}`; its bytes lie in the bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from penstock.door.asked import known_id
from penstock.door.wrong import Wrong, not_found
from penstock.messages.completion import BlobRef
from penstock.paths import file_path
from penstock.ports import Put, Write
from penstock.services import Services

#: OpenAI's limits of how long a file is kept, in seconds.
KEPT_S: Final = range(3600, 2_592_001)
#: What the ids of uploads and of their parts begin with, and what a part is for.
UPLOAD: Final = "upload_"
PART: Final = "part_"
PART_PURPOSE: Final = "part"


@dataclass(frozen=True, slots=True)
class File:
    """`size` in bytes."""

    file_id: str
    filename: str
    purpose: str
    size: int
    created_at: datetime
    expires_at: datetime
    ref: BlobRef

    def told(self) -> dict[str, Any]:
        """OpenAI's object."""
        return {
            "id": self.file_id,
            "object": "file",
            "bytes": self.size,
            "created_at": int(self.created_at.timestamp()),
            "expires_at": int(self.expires_at.timestamp()),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
        }

    def keeping(self, tenant: str) -> Write:
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "ref"}
        return Put(file_path(tenant, self.file_id), fields | {"ref": self.ref.encode()})

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> File:
        known = {name: value[name] for name in cls.__slots__}
        return cls(**known | {"ref": BlobRef.decode(value["ref"])})


def is_beside(fields: Mapping[str, Any]) -> bool:
    """Whether a document among the files is an upload under way, or a part of one."""
    return "upload_id" in fields or fields["purpose"] == PART_PURPOSE


async def read_file(s: Services, tenant: str, file_id: str) -> File:
    """Raises Wrong where there is none, StoreError."""
    if file_id.startswith((UPLOAD, PART)):
        raise not_found("file")
    return await read_part(s, tenant, file_id)


async def read_part(s: Services, tenant: str, file_id: str) -> File:
    """The same of a part of an upload. Raises Wrong, StoreError."""
    # Those in a body have not been looked at yet, as those in an address have.
    path = file_path(tenant, known_id(file_id, "file"))
    [found] = await s.store.read([path], timeout_s=s.timing.read_s)
    file = File.decode(found.fields) if found.fields is not None else None
    if file is None or found.read_at > file.expires_at:
        raise not_found("file")
    return file


def kept_s(sent: Mapping[str, Any], name: str) -> int | None:
    """For how many seconds a file is to be kept, as the field `name` says, if it does. Raises Wrong."""
    policy = sent.get(name)
    if policy is None:
        return None
    seconds = policy.get("seconds") if isinstance(policy, dict) else None
    if not isinstance(policy, dict) or policy.get("anchor") != "created_at" or type(seconds) is not int:
        told = f'`{name}` must be {{"anchor": "created_at", "seconds": 3600 to 2592000}}.'
        raise Wrong(400, told, param=name)
    if seconds not in KEPT_S:
        told = f"`{name}.seconds` must be from {KEPT_S.start} to {KEPT_S.stop - 1}."
        raise Wrong(400, told, param=name)
    return seconds


def kept_until(s: Services) -> datetime:
    return s.clock.now() + timedelta(seconds=s.timing.retention_s)
