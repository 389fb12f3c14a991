"""`python -m penstock_ops.client_cost`: what a call to Firestore and Pub/Sub costs, through our adapters and
through the client libraries' own upper layers. It starts the emulators."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from penstock.buses.pubsub import PubSubBus
from penstock.ports import Create, Put
from penstock.stores.firestore import FirestoreStore
from penstock_ops.emulators import EmulatorFault, Emulators
from penstock_ops.topology import Topology, create_on_pubsub

PROJECT = "pen-client-cost"
TOPIC = Topology().request_topic
TIMEOUT_S = 30.0
#: About what a request's document holds.
DOCUMENT: dict[str, Any] = {f"field_{n}": "v" * 20 for n in range(15)} | {
    "payload": b"x" * 600,
    "attempts": [{"target": "nano", "status": 200, "seconds": 1.5}] * 3,
}
ATTRIBUTES = {"tenant": "acme", "request_id": "r1"}

#: Makes one call; its argument is different every time.
Call = Callable[[str], Awaitable[Any]]


async def measure(name: str, call: Call, calls: int, callers: int) -> None:
    """Print wall and CPU time per call, in milliseconds, with `callers` at once."""

    async def caller(number: int) -> None:
        for n in range(calls // callers):
            await call(f"{name.replace(' ', '-')}-{callers}-{number}-{n}")

    await call(f"{name.replace(' ', '-')}-{callers}-first")  # connects
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(caller, range(callers)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:<28} {callers:>3} at once   {wall / calls * 1e3:7.2f} ms   {cpu / calls * 1e3:6.2f} ms CPU")


def ours(emulators: Emulators) -> dict[str, Call]:
    store = FirestoreStore(PROJECT, emulator_host=emulators.firestore.host)
    bus = PubSubBus(PROJECT, emulator_host=emulators.pubsub.host)
    return {
        "commit, FirestoreStore": lambda key: store.commit(
            [Create(f"r/{key}", DOCUMENT), Put(f"c/{key}", DOCUMENT)], timeout_s=TIMEOUT_S
        ),
        "read, FirestoreStore": lambda key: store.read(["r/known", "c/known"], timeout_s=TIMEOUT_S),
        "publish, PubSubBus": lambda key: bus.publish(TOPIC, b"x" * 500, ATTRIBUTES, timeout_s=TIMEOUT_S),
    }


def theirs() -> dict[str, Call]:
    from google.cloud.firestore import AsyncClient
    from google.cloud.pubsub_v1 import PublisherClient  # type: ignore[import-untyped]  # it has no types
    from google.cloud.pubsub_v1.types import BatchSettings  # type: ignore[import-untyped]  # likewise

    client = AsyncClient(project=PROJECT)
    one_a_batch = BatchSettings(max_messages=1)
    publisher = PublisherClient(batch_settings=one_a_batch)

    async def commit(key: str) -> None:
        batch = client.batch()
        batch.create(client.document(f"r/{key}"), DOCUMENT)
        batch.set(client.document(f"c/{key}"), DOCUMENT)
        await batch.commit(retry=None, timeout=TIMEOUT_S)

    async def read(key: str) -> None:
        known = [client.document("r/known"), client.document("c/known")]
        async for snapshot in client.get_all(known, retry=None, timeout=TIMEOUT_S):
            snapshot.to_dict()

    async def publish(key: str) -> None:
        sent = publisher.publish(f"projects/{PROJECT}/topics/{TOPIC}", b"x" * 500, **ATTRIBUTES)
        await asyncio.wrap_future(sent)

    return {"commit, AsyncClient": commit, "read, AsyncClient": read, "publish, PublisherClient": publish}


async def _measure_all(emulators: Emulators, calls: int) -> None:
    await create_on_pubsub(Topology(), PROJECT, emulators.pubsub.host, {})
    store = FirestoreStore(PROJECT, emulator_host=emulators.firestore.host)
    await store.commit([Put("r/known", DOCUMENT), Put("c/known", DOCUMENT)], timeout_s=TIMEOUT_S)
    await store.close()
    for callers in (1, 20):
        for name, call in (ours(emulators) | theirs()).items():
            await measure(name, call, calls, callers)


def _main(calls: Annotated[int, typer.Option(min=20, help="Calls per line.")] = 600) -> None:
    """Measure calls through our adapters and through the libraries' own upper layers."""
    try:
        emulators = Emulators.start()
    except EmulatorFault as fault:
        typer.echo(f"error: {fault}", err=True)
        raise typer.Exit(1) from None
    os.environ.update(emulators.environment)
    try:
        asyncio.run(_measure_all(emulators, calls))
    finally:
        emulators.stop()


if __name__ == "__main__":
    typer.run(_main)
