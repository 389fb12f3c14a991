"""The key that `penstock dev` prints: this machine's own, the same at every start."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from penstock import bootstrap
from penstock.door.key import Key, parts_of
from penstock.paths import key_path
from penstock.ports import Put
from penstock.services import Services
from penstock.settings import Settings
from penstock_ops.keys.verbs import Wanted

#: Its id, and the file beside the store that keeps it: whoever reads that reads the store too.
KEY_ID: Final = "dev"
_FILE: Final = "door-key"


async def own_key(settings: Settings) -> str:
    """The key as a client sends it, made when there is none that lets in. Raises StoreError."""
    # Emulators forget everything, and so does who starts them.
    file = settings.folder / _FILE if settings.mode == "embedded" else None
    kept = file.read_text() if file is not None and file.exists() else ""
    s = bootstrap.build(settings)
    try:
        text = kept if await _lets_in(s, kept) else await _made(s)
    finally:
        await s.close()
    if file is not None and text != kept:
        _keep(file, text)
    return text


async def _lets_in(s: Services, kept: str) -> bool:
    [found] = await s.store.read([key_path(KEY_ID)], timeout_s=s.timing.read_s)
    parts = parts_of(kept)
    if parts is None or found.fields is None:
        return False
    return Key.decode(found.fields).lets_in(parts[1], datetime.now(UTC))


async def _made(s: Services) -> str:
    now = datetime.now(UTC)
    key, text = Wanted(KEY_ID, "default").key(now).with_new_secret(now, None)
    await s.store.commit([Put(key_path(KEY_ID), key.encode())], timeout_s=s.timing.commit_s)
    return text


def _keep(file: Path, text: str) -> None:
    """For its owner's eyes alone."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
