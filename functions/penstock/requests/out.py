"""What a delivery leaves behind whose call its provider keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Out:
    """The call `response` is under way at its provider, and is asked after at `until`."""

    response: str
    until: datetime
