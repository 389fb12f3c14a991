"""The floor: the client calls of a request made bare, through our adapters, with nothing around them.

`python -m penstock_ops.bench.floor …` runs one kind of request many times and prints its CPU seconds. The
documents are real ones: those that a request through the functions left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.buses.pubsub import PubSubBus
from penstock.errors import AlreadyExists
from penstock.messages.request import CacheMode, Request
from penstock.messages.result import response_message
from penstock.ports import REMOVE, Create, Put, Update
from penstock.providers.openai import OpenAIProvider
from penstock.rules.keys import cache_path, request_path
from penstock.stores.firestore import FirestoreStore
from penstock_ops.bench import cores

#: Generous: nothing is to time out here.
_LIMIT_S = 60.0
#: What a record loses when it ends, and what it gains.
_LEASE = ("owner", "lease_until")
_OUTCOME = ("result", "answer_key", "confirmed_at", "expires_at")
KINDS = ("miss", "hit", "claim", "call", "save", "publish", "lookup")


@dataclass
class Floor:
    """The calls, on `project`, in the shape of the finished request `sample`."""

    project: str
    store: FirestoreStore
    bus: PubSubBus
    provider: OpenAIProvider
    topic: str
    sample: str
    run: str

    async def prepare(self) -> None:
        """Read the documents whose shape everything takes."""
        [found] = await self.store.read([request_path("default", self.sample)], timeout_s=_LIMIT_S)
        done: Mapping[str, Any] = found.fields or {}
        self._key = done["answer_key"]
        [cached] = await self.store.read([cache_path("default", self._key)], timeout_s=_LIMIT_S)
        self._cached: Mapping[str, Any] = cached.fields or {}
        self._done = {name: value for name, value in done.items() if name not in _OUTCOME[2:]}
        open_fields = {name: value for name, value in done.items() if name not in _OUTCOME}
        timing = {
            "owner": "0123456789abcdef",
            "lease_until": done["created_at"],
            "due_at": done["created_at"].isoformat(),
        }
        self._claimed = open_fields | timing | {"open_since": timing["due_at"]}
        changed = ("state", "write_id", "attempts", *_OUTCOME[:2])
        self._saved: dict[str, Any] = {name: done[name] for name in changed}
        self._saved |= {"due_at": timing["due_at"], **dict.fromkeys(_LEASE, REMOVE)}
        messages = tuple(json.loads(done["payload"]).get("messages", ()))
        messages = messages or ({"role": "user", "content": json.loads(done["payload"])["prompt"]},)
        self._request = Request(
            tenant="default", request_id=self.sample, messages=messages, model=None, params={},
            cache=CacheMode.AUTO, deadline=done["deadline"], metadata={},
            payload_sha256=done["payload_sha256"],
        )  # fmt: skip
        self._message = response_message(done["result"], None)

    async def miss(self, name: str) -> None:
        version = await self.claim(name)
        await self.call(name)
        await self._save(name, version)
        await self.publish(name)

    async def hit(self, name: str) -> None:
        create = Create(request_path("default", name), self._claimed)
        flight = Create(cache_path("default", self._key), self._flight())
        try:
            await self.store.commit([create, flight], timeout_s=_LIMIT_S)
        except AlreadyExists:
            await self._lookup(name)
        await self.store.commit([Create(request_path("default", name), self._done)], timeout_s=_LIMIT_S)
        await self.publish(name)

    async def claim(self, name: str) -> Any:
        create = Create(request_path("default", name), self._claimed)
        flight = Create(cache_path("default", name), self._flight())
        return (await self.store.commit([create, flight], timeout_s=_LIMIT_S))[0]

    async def call(self, name: str) -> None:
        await self.provider.complete(self._request, timeout_s=_LIMIT_S)

    async def save(self, name: str) -> None:
        """As `_save`, on a document that is there already: without the claim before it."""
        writes = [
            Put(request_path("default", name), self._saved_whole()),
            Put(cache_path("default", name), self._cached),
        ]
        await self.store.commit(writes, timeout_s=_LIMIT_S)

    async def publish(self, name: str) -> None:
        data, attributes = self._message
        await self.bus.publish(self.topic, data, attributes, timeout_s=_LIMIT_S)

    async def lookup(self, name: str) -> None:
        await self._lookup(self.sample)

    async def _save(self, name: str, version: Any) -> None:
        update = Update(request_path("default", name), self._saved, version)
        put = Put(cache_path("default", name), self._cached)
        await self.store.commit([update, put], timeout_s=_LIMIT_S)

    async def _lookup(self, name: str) -> None:
        paths = [request_path("default", name), cache_path("default", self._key)]
        await self.store.read(paths, timeout_s=_LIMIT_S)

    def _saved_whole(self) -> dict[str, Any]:
        return {name: value for name, value in self._saved.items() if value is not REMOVE}

    def _flight(self) -> dict[str, Any]:
        flight = request_path("default", self.sample)
        return {"flight": flight, "flight_fence": 1, "expires_at": self._cached["expires_at"]}

    async def measure(self, kind: str, count: int, width: int) -> float:
        """CPU seconds of `count` requests of `kind`, `width` at once."""
        one: Callable[[str], Awaitable[Any]] = getattr(self, kind)
        names = iter(range(count))

        async def worker() -> None:
            for number in names:
                await one(f"{self.run}-{kind}-{number}")

        started = time.process_time()
        await asyncio.gather(*(worker() for _ in range(width)))
        return time.process_time() - started

    async def close(self) -> None:
        await self.provider.close()
        await self.bus.close()
        await self.store.close()


async def measured(
    project: str,
    hosts: tuple[str, str],
    model_url: str,
    sample: str,
    *,
    kinds: list[str],
    count: int,
    width: int,
) -> dict[str, float]:
    """CPU milliseconds per request of each kind, in a process of its own on the instance's core."""
    command = [sys.executable, "-m", "penstock_ops.bench.floor", "--project", project, "--model", model_url]
    command += ["--firestore", hosts[0], "--pubsub", hosts[1], "--sample", sample]
    command += ["--count", str(count), "--width", str(width), *kinds]
    with cores.on(cores.INSTANCE):
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    found: dict[str, float] = json.loads(output)
    return found


async def _main(options: argparse.Namespace) -> None:
    floor = Floor(
        project=options.project,
        store=FirestoreStore(options.project, emulator_host=options.firestore),
        bus=PubSubBus(options.project, emulator_host=options.pubsub),
        provider=OpenAIProvider("gpt-5.4-nano", base_url=options.model),
        topic="llm-responses",
        sample=options.sample,
        run=f"floor-{time.monotonic_ns()}",
    )
    await floor.prepare()
    found = {}
    for kind in options.kinds:
        await floor.measure(kind, options.width, options.width)  # opens every connection
        floor.run += "+"
        found[kind] = await floor.measure(kind, options.count, options.width) / options.count * 1000
    await floor.close()
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU milliseconds per request of bare client calls.")
    for name in ("--project", "--firestore", "--pubsub", "--model", "--sample"):
        parser.add_argument(name, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--width", type=int, default=20)
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
