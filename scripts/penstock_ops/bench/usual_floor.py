"""The floor as people write it: the same calls through the clients that everybody uses, just as bare.

Firestore's `AsyncClient`, `AsyncOpenAI` without retries, Pub/Sub's `PublisherClient`; connections are reused.
A leaner adapter of ours lowers the other floor and not this one. `python -m penstock_ops.bench.usual_floor …`
takes what `floor.py` takes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping
from typing import Any

from google.api_core import exceptions as google
from google.cloud.firestore import DELETE_FIELD, AsyncClient
from google.cloud.pubsub_v1 import PublisherClient  # type: ignore[import-untyped]  # it has no types
from openai import AsyncOpenAI

from penstock.errors import AlreadyExists
from penstock.paths import cache_path, request_path
from penstock.ports import REMOVE
from penstock_ops.bench.floor import MODEL, TOPIC, Floor, main


class UsualFloor(Floor):
    """A floor's calls by the usual clients; the shapes of the documents are read as there."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        # Where the clients look for them.
        os.environ |= {"FIRESTORE_EMULATOR_HOST": options.firestore, "PUBSUB_EMULATOR_HOST": options.pubsub}
        self._client = AsyncClient(project=options.project)
        self._publisher = PublisherClient()
        self._topic = self._publisher.topic_path(options.project, TOPIC)
        self._model = AsyncOpenAI(api_key="none", base_url=options.model, max_retries=0)

    async def create(self, documents: Mapping[str, Mapping[str, Any]]) -> Any:
        batch = self._client.batch()
        for path, fields in documents.items():
            batch.create(self._client.document(path), dict(fields))
        try:
            results = await batch.commit()
        except google.Conflict as error:
            raise AlreadyExists(str(error)) from error
        return results[0].update_time

    async def call(self, name: str) -> None:
        await self._model.chat.completions.create(model=MODEL, messages=list(self.messages))

    async def end(self, name: str, version: Any) -> None:
        batch = self._client.batch()
        changed = {key: DELETE_FIELD if value is REMOVE else value for key, value in self.saved.items()}
        option = self._client.write_option(last_update_time=version)
        batch.update(self._client.document(request_path("default", name)), changed, option=option)
        batch.set(self._client.document(cache_path("default", name)), dict(self.cached))
        await batch.commit()

    async def look(self, name: str) -> None:
        paths = [request_path("default", name), cache_path("default", self.key)]
        async for snapshot in self._client.get_all([self._client.document(path) for path in paths]):
            snapshot.to_dict()

    async def publish(self, name: str) -> None:
        data, attributes = self.message
        await asyncio.wrap_future(self._publisher.publish(self._topic, data, **attributes))

    async def close(self) -> None:
        await self._model.close()
        self._publisher.stop()
        self._client.close()  # type: ignore[no-untyped-call]  # the SDK's own gap
        await super().close()


if __name__ == "__main__":
    main(UsualFloor)
