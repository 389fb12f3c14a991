"""What Firestore says of every change to a request's document while the run lasts: its own change stream.

The stream may fold changes that follow each other quickly into one; what is seen is in order. Every request
is a target of its own: for a target of many documents Google's emulator sends all of them with every change.
Once, in some forty long runs, its stream fell silent after two seconds and stayed open: so silence ends one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.cloud.firestore_v1.types import ListenRequest, ListenResponse

from penstock.adapters.google.grpc_channel import open_transport
from penstock.adapters.stores import firestore_codec as codec
from tests.chaos.adapters import Written

#: A stream that has said nothing for so long, in seconds, is not trusted any more.
_SILENCE_S = 10.0


class History:
    """Run `follow` beside everything else; `written` is what changed, oldest first, of what is watched."""

    def __init__(self, project: str, emulator_host: str, *, silence_s: float = _SILENCE_S) -> None:
        self.written: list[Written] = []
        #: Paths of the watched documents; a target's number is its place, from 1.
        self._watched: list[str] = []
        self._more = asyncio.Event()
        self._database = f"projects/{project}/databases/(default)"
        self._host = emulator_host
        self._silence_s = silence_s
        self._last: dict[str, Mapping[str, Any]] = {}
        #: Who held the request under the fence that the document had last.
        self._holders: dict[str, tuple[int, str]] = {}

    def watch(self, path: str) -> None:
        """Note what becomes of this document, which need not be there yet."""
        if path not in self._watched:
            self._watched.append(path)
            self._more.set()

    @property
    def watched(self) -> list[str]:
        """Paths of the watched documents."""
        return list(self._watched)

    def unseen(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths` of which no change was seen."""
        return [path for path in paths if path not in self._last]

    async def follow(self) -> None:
        """Until cancelled. A new stream begins with what is there now."""
        while True:
            with contextlib.suppress(GoogleAPICallError, TimeoutError):
                await self._follow_one()
            await asyncio.sleep(0.2)  # a server that closes every stream is not asked without pause

    async def _follow_one(self) -> None:
        """One stream on a connection of its own, until it ends, breaks, or says nothing any more."""
        transport = open_transport(FirestoreGrpcAsyncIOTransport, self._host)
        client = FirestoreAsyncClient(transport=transport)
        metadata = [("google-cloud-resource-prefix", self._database), ("authorization", "Bearer owner")]
        try:
            # Waits until it is connected, which a server that has fallen silent never lets happen.
            opening = client.listen(requests=self._requests(), retry=None, timeout=None, metadata=metadata)
            replies = aiter(await asyncio.wait_for(opening, self._silence_s))
            # gRPC gives None for what it could not read to its end.
            while (reply := await asyncio.wait_for(anext(replies, None), self._silence_s)) is not None:
                self._note(ListenResponse.pb(reply))
        finally:
            await transport.close()

    async def _requests(self) -> AsyncIterator[ListenRequest]:
        asked = 0
        while True:
            for path in self._watched[asked:]:
                asked += 1
                documents = {"documents": [f"{self._database}/documents/{path}"]}
                target = {"documents": documents, "target_id": asked}
                yield ListenRequest(database=self._database, add_target=target)
            self._more.clear()
            if asked == len(self._watched):
                await self._more.wait()

    def _note(self, reply: Any) -> None:
        if not reply.HasField("document_change"):
            return
        document = reply.document_change.document
        path = document.name.partition("/documents/")[2]
        now, before = codec.decode_fields(document.fields), self._last.get(path, {})
        changed = {name: value for name, value in now.items() if before.get(name) != value}
        changed |= dict.fromkeys(before.keys() - now.keys())
        if changed:
            self._last[path] = now
            self.written.append(Written(time.time(), self._holder(path, now), path, changed))

    def _holder(self, path: str, now: Mapping[str, Any]) -> str:
        """The owner that the document names; one that names none was written by the one before."""
        fence, holder = self._holders.get(path, (0, ""))
        if now["fence"] != fence or holder == "":
            holder = str(now.get("owner", ""))
        self._holders[path] = (now["fence"], str(now.get("owner", holder)))
        return self._holders[path][1]
