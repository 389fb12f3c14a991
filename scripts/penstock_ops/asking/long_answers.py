"""Answers too long for their result: they lie with the blobs, and a person wants to read them there too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.errors import BlobError
from penstock.messages.completion import BlobRef
from penstock.timing import Timing
from penstock_ops.terminal.console import warn
from penstock_ops.terminal.system import System


async def whole(system: System, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """`result` with its completion in it; where that cannot be read, it is told where it lies."""
    if result["completion_ref"] is None:
        return result
    ref = BlobRef.decode(result["completion_ref"])
    try:
        data = await system.services.blobs.get(ref, timeout_s=Timing().blob_s)
    except BlobError as error:
        warn(f"The completion is long and lies at {ref.uri}, which cannot be read here: {error}")
        return result
    return {**result, "completion": json.loads(data)}
