"""Microseconds as protobuf's timestamps."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # it has no types


def stamp(microseconds: int) -> Any:
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
