"""The floor: the client calls of a request made bare, through our adapters, with nothing around them.

`python -m penstock_ops.bench.floor …` runs one kind of request many times and prints its CPU seconds. The
documents are real ones: those that a request through the functions left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.adapters.providers.openai import OpenAIProvider
from penstock.adapters.stores.firestore import FirestoreStore
from penstock.errors import AlreadyExists
from penstock.messages.request import CacheMode, Request
from penstock.messages.result import response_message
from penstock.paths import cache_path, request_path
from penstock.ports import REMOVE, Create, Put, Update
from penstock_ops.bench import cores

#: Generous: nothing is to time out here.
_LIMIT_S = 60.0
#: What a record loses when it ends, and what it gains.
_LEASE = ("owner", "lease_until")
_OUTCOME = ("result", "answer_key", "confirmed_at", "expires_at")
MODEL, TOPIC = "gpt-5.4-nano", "llm-responses"
KINDS = ("miss", "hit", "claim", "call", "save", "publish", "lookup")


class Floor:
    """The calls, on `options.project`, in the shape of the finished request `options.sample`."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._store = FirestoreStore(options.project, emulator_host=options.firestore)
        self._bus = PubSubBus(options.project, emulator_host=options.pubsub)
        self._provider = OpenAIProvider(MODEL, base_url=options.model)
        self._sample: str = options.sample
        self._run = f"floor-{time.monotonic_ns()}"

    async def prepare(self) -> None:
        """Read the documents whose shape everything takes."""
        [found] = await self._store.read([request_path("default", self._sample)], timeout_s=_LIMIT_S)
        done: Mapping[str, Any] = found.fields or {}
        self.key = done["answer_key"]
        [cached] = await self._store.read([cache_path("default", self.key)], timeout_s=_LIMIT_S)
        self.cached: Mapping[str, Any] = cached.fields or {}
        self._done = {name: value for name, value in done.items() if name not in _OUTCOME[2:]}
        open_fields = {name: value for name, value in done.items() if name not in _OUTCOME}
        timing = {
            "owner": "0123456789abcdef",
            "lease_until": done["created_at"],
            "due_at": done["created_at"].isoformat(),
        }
        self._claimed = open_fields | timing | {"open_since": timing["due_at"]}
        changed = ("state", "write_id", "attempts", *_OUTCOME[:2])
        self.saved: dict[str, Any] = {name: done[name] for name in changed}
        self.saved |= {"due_at": timing["due_at"], **dict.fromkeys(_LEASE, REMOVE)}
        messages = tuple(json.loads(done["payload"]).get("messages", ()))
        self.messages = messages or ({"role": "user", "content": json.loads(done["payload"])["prompt"]},)
        self._request = Request(
            tenant="default", request_id=self._sample, messages=self.messages, model=None, params={},
            cache=CacheMode.AUTO, deadline=done["deadline"], metadata={},
            payload_sha256=done["payload_sha256"],
        )  # fmt: skip
        self.message = response_message(done["result"], None)

    async def miss(self, name: str) -> None:
        version = await self.claim(name)
        await self.call(name)
        await self.end(name, version)
        await self.publish(name)

    async def hit(self, name: str) -> None:
        flight = {cache_path("default", self.key): self._flight()}
        try:
            await self.create({request_path("default", name): self._claimed} | flight)
        except AlreadyExists:
            await self.look(name)
        await self.create({request_path("default", name): self._done})
        await self.publish(name)

    async def claim(self, name: str) -> Any:
        flight = {cache_path("default", name): self._flight()}
        return await self.create({request_path("default", name): self._claimed} | flight)

    async def create(self, documents: Mapping[str, Mapping[str, Any]]) -> Any:
        """All or none; the first one's version. Raises AlreadyExists."""
        creates = [Create(path, fields) for path, fields in documents.items()]
        return (await self._store.commit(creates, timeout_s=_LIMIT_S)).versions[0]

    async def call(self, name: str) -> None:
        await self._provider.complete(self._request, timeout_s=_LIMIT_S)

    async def end(self, name: str, version: Any) -> None:
        """The result and the cache's answer, in one batch."""
        update = Update(request_path("default", name), self.saved, version)
        put = Put(cache_path("default", name), self.cached)
        await self._store.commit([update, put], timeout_s=_LIMIT_S)

    async def save(self, name: str) -> None:
        """As `end`, on a document that is there already: without the claim before it."""
        whole = {key: value for key, value in self.saved.items() if value is not REMOVE}
        writes = [
            Put(request_path("default", name), whole),
            Put(cache_path("default", name), self.cached),
        ]
        await self._store.commit(writes, timeout_s=_LIMIT_S)

    async def publish(self, name: str) -> None:
        data, attributes = self.message
        await self._bus.publish(TOPIC, data, attributes, timeout_s=_LIMIT_S)

    async def lookup(self, name: str) -> None:
        await self.look(self._sample)

    async def look(self, name: str) -> None:
        """Both documents that a refused claim needs."""
        paths = [request_path("default", name), cache_path("default", self.key)]
        await self._store.read(paths, timeout_s=_LIMIT_S)

    def _flight(self) -> dict[str, Any]:
        flight = request_path("default", self._sample)
        return {"flight": flight, "flight_fence": 1, "expires_at": self.cached["expires_at"]}

    async def warm(self, kind: str, width: int) -> None:
        """Open every connection."""
        await self.measure(kind, width, width)
        self._run += "+"

    async def measure(self, kind: str, count: int, width: int) -> float:
        """CPU seconds of `count` requests of `kind`, `width` at once."""
        one: Callable[[str], Awaitable[Any]] = getattr(self, kind)
        names = iter(range(count))

        async def worker() -> None:
            for number in names:
                await one(f"{self._run}-{kind}-{number}")

        started = time.process_time()
        await asyncio.gather(*(worker() for _ in range(width)))
        return time.process_time() - started

    async def close(self) -> None:
        await self._provider.close()
        await self._bus.close()
        await self._store.close()


async def measured(
    project: str,
    hosts: tuple[str, str],
    model_url: str,
    sample: str,
    *,
    kinds: list[str],
    count: int,
    width: int,
    through: str = "floor",
    env: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """CPU milliseconds per request of each kind, in a process of its own on the instance's core.

    `through`: the module whose clients make the calls, `floor` (our adapters) or `usual_floor`.
    `env` is added to our own environment.
    """
    command = [
        sys.executable,
        "-m",
        f"penstock_ops.bench.{through}",
        "--project",
        project,
        "--model",
        model_url,
    ]
    command += ["--firestore", hosts[0], "--pubsub", hosts[1], "--sample", sample]
    command += ["--count", str(count), "--width", str(width), *kinds]
    with cores.on(cores.INSTANCE):
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **(env or {})}
        )
    output, _ = await process.communicate()
    found: dict[str, float] = json.loads(output)
    return found


async def _main(options: argparse.Namespace, kind_of_floor: type[Floor]) -> None:
    floor = kind_of_floor(options)
    await floor.prepare()
    found = {}
    for kind in options.kinds:
        await floor.warm(kind, options.width)
        found[kind] = await floor.measure(kind, options.count, options.width) / options.count * 1000
    await floor.close()
    print(json.dumps(found))


def main(kind_of_floor: type[Floor] = Floor) -> None:
    parser = argparse.ArgumentParser(description="CPU milliseconds per request of bare client calls.")
    for name in ("--project", "--firestore", "--pubsub", "--model", "--sample"):
        parser.add_argument(name, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--width", type=int, default=20)
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    asyncio.run(_main(parser.parse_args(), kind_of_floor))


if __name__ == "__main__":
    main()
