"""The server as a process: it says where it listens in its first line, and runs until it is ended."""

from __future__ import annotations

import argparse
import asyncio

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types

from tests.servers.firestore_wire.server import FirestoreWire

#: No limit to a message but Firestore's own; and a port that somebody has is not shared with him.
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
)


async def _serve(port: int) -> None:
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((FirestoreWire().handler(),))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print(f"127.0.0.1:{bound}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.servers.firestore_wire", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="Where to listen; 0: any free port.")
    asyncio.run(_serve(parser.parse_args().port))
