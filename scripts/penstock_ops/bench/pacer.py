"""An even stream of requests, and the time from each one's publish until its result arrives.

`python -m penstock_ops.bench.pacer --rate 50 --count 500 …` prints the latencies in seconds, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time

from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.adapters.google.grpc_channel import open_transport
from penstock_ops.bench.rig import question
from penstock_ops.terminal.topology import Topology

#: How long the last results may take after the last publish, in seconds.
_PATIENCE_S = 60.0


async def paced(project: str, emulator: str, rate: float, count: int, label: str) -> list[float]:
    """Latencies of `count` requests, `rate` a second, by a process of its own."""
    command = [sys.executable, "-m", "penstock_ops.bench.pacer", "--project", project, "--emulator", emulator]
    command += ["--rate", str(rate), "--count", str(count), "--label", label]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    latencies: list[float] = json.loads(output)
    return latencies


class _Pacer:
    def __init__(self, project: str, emulator: str) -> None:
        self._topology = Topology()
        self._bus = PubSubBus(project, emulator_host=emulator)
        self._transport = open_transport(SubscriberGrpcAsyncIOTransport, emulator)
        self._client = SubscriberAsyncClient(transport=self._transport)
        self._subscription = f"projects/{project}/subscriptions/{self._topology.results_subscription}"
        self._published: dict[str, float] = {}
        self._latencies: dict[str, float] = {}
        self._arrived = asyncio.Condition()

    async def run(self, rate: float, count: int, label: str) -> list[float]:
        listening = asyncio.create_task(self._listen())
        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
                group.create_task(self._publish(f"{label}-{number}"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S), self._arrived:
                await self._arrived.wait_for(lambda: len(self._latencies) >= count)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await self._bus.close()
        await self._transport.close()
        return list(self._latencies.values())

    async def _publish(self, name: str) -> None:
        body = question(name)
        self._published[body["request_id"]] = time.monotonic()
        data = json.dumps(body).encode()
        await self._bus.publish(self._topology.request_topic, data, {}, timeout_s=60)

    async def _listen(self) -> None:
        while True:
            pulled = await self._client.pull(
                subscription=self._subscription, max_messages=1000, retry=None, timeout=600
            )
            arrived = time.monotonic()
            for received in pulled.received_messages:
                request_id = json.loads(received.message.data)["request_id"]
                if request_id in self._published:
                    self._latencies.setdefault(request_id, arrived - self._published[request_id])
            async with self._arrived:
                self._arrived.notify_all()
            if ids := [received.ack_id for received in pulled.received_messages]:
                await self._client.acknowledge(subscription=self._subscription, ack_ids=ids)


async def _main(options: argparse.Namespace) -> None:
    pacer = _Pacer(options.project, options.emulator)
    print(json.dumps(await pacer.run(options.rate, options.count, options.label)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Publish evenly; print each result's latency.")
    for name in ("--project", "--emulator", "--label"):
        parser.add_argument(name, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--count", type=int, required=True)
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
