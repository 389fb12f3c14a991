"""The same three calls to Firestore and Pub/Sub at three heights: our adapters, the client libraries'
generated methods, and their own upper layers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
)
from google.cloud.pubsub_v1 import PublisherClient  # type: ignore[import-untyped]  # it has no types
from google.cloud.pubsub_v1.types import BatchSettings  # type: ignore[import-untyped]  # likewise
from google.pubsub_v1 import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.types import PublishRequest

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.adapters.google.grpc_channel import open_transport
from penstock.adapters.stores import firestore_codec as codec
from penstock.adapters.stores.firestore import FirestoreStore
from penstock.adapters.stores.firestore_writes import encode_write
from penstock.ports import Create, Put
from penstock_ops.emulation.emulators import Emulators
from penstock_ops.terminal.topology import Topology

PROJECT = "pen-client-cost"
TOPIC = Topology().request_topic
TIMEOUT_S = 30.0
#: About what a request's document holds.
DOCUMENT: dict[str, Any] = {f"field_{n}": "v" * 20 for n in range(15)} | {
    "payload": b"x" * 600,
    "attempts": [{"target": "nano", "status": 200, "seconds": 1.5}] * 3,
}
ATTRIBUTES = {"tenant": "acme", "request_id": "r1"}
#: The two documents that a read reads.
KNOWN = ("r/known", "c/known")

#: Makes one call; its argument is different every time.
Call = Callable[[str], Awaitable[Any]]
#: The calls of one layer: `commit` of two documents, `read` of two, `publish` of a message.
Layer = dict[str, Call]

# As our adapters hand them to the generated methods, which take the bare protobuf classes as well.
_Commit, _BatchGet, _Publish = CommitRequest.pb(), BatchGetDocumentsRequest.pb(), PublishRequest.pb()


def ours(emulators: Emulators) -> Layer:
    """The adapters: no generated method around a call."""
    store = FirestoreStore(PROJECT, emulator_host=emulators.firestore.host)
    bus = PubSubBus(PROJECT, emulator_host=emulators.pubsub.host)
    return {
        "commit": lambda key: store.commit(
            [Create(f"r/{key}", DOCUMENT), Put(f"c/{key}", DOCUMENT)], timeout_s=TIMEOUT_S
        ),
        "read": lambda key: store.read(KNOWN, timeout_s=TIMEOUT_S),
        "publish": lambda key: bus.publish(TOPIC, b"x" * 500, ATTRIBUTES, timeout_s=TIMEOUT_S),
    }


def generated(emulators: Emulators) -> Layer:
    """The generated asyncio methods on bare protobufs, encoded and decoded as the adapters do."""
    firestore = FirestoreAsyncClient(
        transport=open_transport(FirestoreGrpcAsyncIOTransport, emulators.firestore.host)
    )
    publisher = PublisherAsyncClient(
        transport=open_transport(PublisherGrpcAsyncIOTransport, emulators.pubsub.host)
    )
    database = f"projects/{PROJECT}/databases/(default)"
    root = f"{database}/documents"
    options: dict[str, Any] = {"retry": None, "timeout": TIMEOUT_S}
    as_owner = [("google-cloud-resource-prefix", database), ("authorization", "Bearer owner")]

    async def commit(key: str) -> None:
        request = _Commit(database=database)
        for write in (Create(f"r/{key}", DOCUMENT), Put(f"c/{key}", DOCUMENT)):
            encode_write(request.writes.add(), root, write)
        await firestore.commit(request=request, metadata=as_owner, **options)

    async def read(key: str) -> None:
        request = _BatchGet(database=database, documents=[f"{root}/{path}" for path in KNOWN])
        stream = await firestore.batch_get_documents(request=request, metadata=as_owner, **options)
        async for reply in stream:
            codec.decode_fields(BatchGetDocumentsResponse.pb(reply).found.fields)

    async def publish(key: str) -> None:
        request = _Publish(topic=f"projects/{PROJECT}/topics/{TOPIC}")
        request.messages.add(data=b"x" * 500).attributes.update(ATTRIBUTES)
        await publisher.publish(request=request, **options)

    return {"commit": commit, "read": read, "publish": publish}


def upper() -> Layer:
    """`AsyncClient` and the batching `PublisherClient`; they find the emulators in the environment."""
    client = AsyncClient(project=PROJECT)
    publisher = PublisherClient(batch_settings=BatchSettings(max_messages=1))

    async def commit(key: str) -> None:
        batch = client.batch()
        batch.create(client.document(f"r/{key}"), DOCUMENT)
        batch.set(client.document(f"c/{key}"), DOCUMENT)
        await batch.commit(retry=None, timeout=TIMEOUT_S)

    async def read(key: str) -> None:
        known = [client.document(path) for path in KNOWN]
        async for snapshot in client.get_all(known, retry=None, timeout=TIMEOUT_S):
            snapshot.to_dict()

    async def publish(key: str) -> None:
        sent = publisher.publish(f"projects/{PROJECT}/topics/{TOPIC}", b"x" * 500, **ATTRIBUTES)
        await asyncio.wrap_future(sent)

    return {"commit": commit, "read": read, "publish": publish}
