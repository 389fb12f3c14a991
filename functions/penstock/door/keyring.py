"""Whether a key lets its bearer in. A key is read once and believed for a minute.

So long a revocation takes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from penstock.door.caller import Caller
from penstock.door.key import Key, parts_of
from penstock.door.wrong import AUTH, SERVER, Wrong
from penstock.errors import BadMessage, StoreError
from penstock.paths import key_path
from penstock.services import Services

#: Keys that are remembered, and ids that are none: a guess costs one read, and no memory without end.
_REMEMBERED: Final = 10_000


class Keyring:
    """The keys that this instance has read."""

    def __init__(self) -> None:
        #: By id: when it was read, in monotonic seconds, and what was found.
        self._known: OrderedDict[str, tuple[float, Key | None]] = OrderedDict()

    async def caller(self, s: Services, authorization: str) -> Caller:
        """Whose key this is; wrong, unknown, expired and revoked ones look alike. Raises Wrong."""
        scheme, _, sent = authorization.partition(" ")
        if scheme.lower() != "bearer" or not sent.strip():
            told = "No API key was sent: send it as `Authorization: Bearer KEY`."
            raise Wrong(401, told, kind=AUTH, code="missing_api_key", final=True)
        key = await self._let_in(s, *(parts_of(sent.strip()) or ("", "")))
        if key is None:
            told = "This API key is wrong, or not valid any more: make one with `penstock key create`."
            raise Wrong(401, told, kind=AUTH, code="invalid_api_key", final=True)
        return Caller.of(key)

    async def _let_in(self, s: Services, key_id: str, secret: str) -> Key | None:
        """The key, if `secret` is one of its own. One that is not is looked for again a little later: it may
        have been made since, and a guess must not cost a read each."""
        if not key_id:
            return None
        for believed_s in (s.timing.door_key_s, s.timing.door_poll_max_s):
            key = await self._read(s, key_id, believed_s)
            if key is not None and key.lets_in(secret, s.clock.now()):
                return key
        return None

    async def _read(self, s: Services, key_id: str, believed_s: float) -> Key | None:
        now = s.clock.monotonic()
        known = self._known.get(key_id)
        if known is not None and now < known[0] + believed_s:
            return known[1]
        key = await _stored(s, key_id)
        self._known[key_id] = (now, key)
        self._known.move_to_end(key_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return key


async def _stored(s: Services, key_id: str) -> Key | None:
    try:
        [found] = await s.store.read([key_path(key_id)], timeout_s=s.timing.read_s)
        return Key.decode(found.fields) if found.fields is not None else None
    except BadMessage:
        return None
    except StoreError:
        told = "The keys cannot be read just now: try again."
        raise Wrong(503, told, kind=SERVER, again_s=s.timing.quick_retry_s) from None
