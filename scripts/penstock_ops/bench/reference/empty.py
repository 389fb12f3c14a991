"""Handlers that do nothing of ours: what the server and the path around us cost."""

from __future__ import annotations

import asyncio
import os

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.messages.envelope import decode_push

_buses: list[PubSubBus] = []


@functions_framework.aio.http
async def empty(request: Request) -> Response:
    """Read the body, ack."""
    await request.body()
    return Response(status_code=204)


@functions_framework.aio.http
async def wait(request: Request) -> Response:
    """Read the body, wait for WAIT_S seconds, ack: as long as a model takes, and nothing else."""
    await request.body()
    await asyncio.sleep(float(os.environ["WAIT_S"]))
    return Response(status_code=204)


@functions_framework.aio.http
async def echo(request: Request) -> Response:
    """Publish the message as its own result, ack: the way there and back, with nothing in between."""
    envelope = decode_push(request.headers, await request.body())
    if not _buses:
        project, host = os.environ["GOOGLE_CLOUD_PROJECT"], os.environ["PUBSUB_EMULATOR_HOST"]
        _buses.append(PubSubBus(project, emulator_host=host))
    await _buses[0].publish("llm-responses", envelope.data, {}, timeout_s=60)
    return Response(status_code=204)
