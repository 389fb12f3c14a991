"""The ways in which a call is made, as far as its price goes."""

from __future__ import annotations

from enum import StrEnum


class Lane(StrEnum):
    """How a provider was asked. Its documents and receipts carry these words."""

    #: Now, and the answer comes back on the same connection.
    SYNC = "sync"
    #: The provider keeps the call and is asked again; without a window it costs what `sync` does.
    BACKGROUND = "background"
    #: The same, where the provider may take so long.
    BACKGROUND_2H = "background-2h"
    BACKGROUND_8H = "background-8h"
    #: Many calls in one file.
    BATCH = "batch"

    @property
    def window(self) -> str | None:
        """The time that the provider may take and gives a discount for."""
        return self.value.removeprefix("background-") if self.value.startswith("background-") else None


#: Every window that a price can be given for.
WINDOWS = tuple(lane.window for lane in Lane if lane.window)
