"""Cloud Scheduler's part outside the cloud: the sweeper is called each minute."""

from __future__ import annotations

import asyncio

from penstock import log
from penstock.adapters.buses.endpoint import SEND_ERRORS, Send

MINUTE_S = 60.0


async def each_minute(send: Send, sweeper_url: str, *, time_scale: float) -> None:
    """Call the sweeper now and after every minute, divided by `time_scale`, until cancelled."""
    while True:
        try:
            status = await send(sweeper_url, b"{}")
        except SEND_ERRORS as error:
            log.warning("minute.unanswered", "The sweeper did not answer.", error=type(error).__name__)
        else:
            if status != 200:
                log.warning("minute.refused", "The sweeper could not sweep.", status=status)
        await asyncio.sleep(MINUTE_S / time_scale)
