"""The token of the identity that this machine runs as, from Google's metadata server."""

from __future__ import annotations

import time
from typing import Final

import aiohttp

from penstock.drain.shelf_errors import ShelfError

_SERVER: Final = "http://metadata.google.internal"
_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"
#: Seconds before its end at which a token is fetched anew.
_EARLY_S: Final = 120.0


class MachineToken:
    """One token, kept until it is nearly over. `server`: a stand-in for Google's."""

    def __init__(self, server: str = _SERVER) -> None:
        self._url = server + _PATH
        self._token, self._until = "", 0.0

    async def get(self, http: aiohttp.ClientSession) -> str:
        """Raises ShelfError."""
        if time.monotonic() >= self._until:
            try:
                async with http.get(self._url, headers={"Metadata-Flavor": "Google"}) as reply:
                    said = await reply.json()
                    self._token = said["access_token"]
                    self._until = time.monotonic() + float(said["expires_in"]) - _EARLY_S
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
                raise ShelfError(f"No token from the metadata server: {type(error).__name__}.") from None
        return self._token
