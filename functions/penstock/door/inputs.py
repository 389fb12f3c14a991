"""`gs://…` as a batch's `input_file_id`: what a tenant's own services wrote to Penstock's bucket.

There is one place for each tenant, `tenants/{tenant}/inputs/`, and no other bucket: the door reads with
its own rights, which are nobody's to borrow.
"""

from __future__ import annotations

from typing import Final

from penstock.door.file import File, kept_until
from penstock.door.wrong import Wrong, not_found
from penstock.paths import input_blob
from penstock.services import Services

SCHEME: Final = "gs://"
#: Of an object's name, in bytes: Cloud Storage's own limit.
_NAME_LIMIT: Final = 1024


def is_input(file_id: str) -> bool:
    return file_id.startswith(SCHEME)


async def read_input(s: Services, tenant: str, uri: str, limit: int) -> File:
    """What lies at `uri` now, up to `limit` bytes.

    Raises Wrong: of what is not the tenant's nobody hears whether it is there. Raises BlobError.
    """
    name = _name(uri, tenant)
    seen = await s.blobs.look(name, timeout_s=s.timing.blob_s)
    if seen is None or seen[0].uri != uri:
        raise _absent(tenant)
    ref, size = seen
    if size > limit:
        raise Wrong(413, f"The file is too long: at most {limit:,} bytes are taken.", param="input_file_id")
    return File(uri, name.rpartition("/")[2], "batch", size, s.clock.now(), kept_until(s), ref)


def _name(uri: str, tenant: str) -> str:
    """The object's name. Raises Wrong for what is no plain one below the tenant's place."""
    bucket, _, name = uri.removeprefix(SCHEME).partition("/")
    plain = name.isprintable() and _length(name) <= _NAME_LIMIT
    whole = all(piece not in ("", ".", "..") for piece in name.split("/"))
    if not (bucket and plain and whole and name.startswith(input_blob(tenant, ""))):
        raise _absent(tenant)
    return name


def _length(name: str) -> int:
    """In bytes; half a pair of surrogates counts too, and is refused as not printable."""
    return len(name.encode(errors="surrogatepass"))


def _absent(tenant: str) -> Wrong:
    wrong, place = not_found("file"), input_blob(tenant, "")
    told = f"{wrong} A `gs://` address must lie in Penstock's bucket, below {place}."
    return Wrong(wrong.status, told, code=wrong.code, param="input_file_id")
