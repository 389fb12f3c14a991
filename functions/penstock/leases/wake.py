"""Say that a document is to be looked at again."""

from __future__ import annotations

from penstock.messages.wake import Wake
from penstock.services import Services


async def publish_wake(s: Services, topic: str, wake: Wake, named: str) -> None:
    """Publish `wake`, whose document's name goes under the attribute `named`. Raises PublishFailed."""
    await s.bus.publish(topic, b"", wake.encode(named), timeout_s=s.timing.publish_s)
