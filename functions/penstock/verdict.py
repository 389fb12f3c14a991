"""The verdict of a story on one delivery."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What the bus is told, as the HTTP status that says so: production and emulator agree on these two."""

    ACK = 204
    NACK = 503
