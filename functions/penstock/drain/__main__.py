"""`python -m penstock.drain [ENGINE'S COMMAND]`: what a job's container runs. It reads its environment alone.

| variable | meaning |
| --- | --- |
| `PENSTOCK_DRAIN_SHELF` | where the files are: `gs://BUCKET`, or a folder |
| `PENSTOCK_DRAIN` | the name of the drain there |
| `PENSTOCK_DRAIN_ENGINE` | the engine's address; default `http://127.0.0.1:8000` |
| `PENSTOCK_DRAIN_WIDTH` | requests at once; default 256 |
| `PENSTOCK_DRAIN_RUN` | who we are; default: the execution's name as Cloud Run or Batch gives it |
| `PENSTOCK_DRAIN_STORAGE` | a stand-in for Cloud Storage; for tests |
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from penstock.drain.drainer import Drain, Exit, say
from penstock.drain.engine import Engine
from penstock.drain.parts import Parts
from penstock.drain.shelf import shelf_at
from penstock.drain.shelf_errors import ShelfError

_WIDTH = 256


def drain_of(env: Mapping[str, str], command: Sequence[str]) -> Drain:
    """Raises SystemExit with a sentence."""
    missing = [name for name in ("PENSTOCK_DRAIN_SHELF", "PENSTOCK_DRAIN") if not env.get(name)]
    if missing:
        raise SystemExit(f"The environment lacks {' and '.join(missing)}.")
    width = env.get("PENSTOCK_DRAIN_WIDTH", str(_WIDTH))
    if not width.isdecimal() or int(width) < 1:
        raise SystemExit("PENSTOCK_DRAIN_WIDTH must be a whole number of at least 1.")
    run = next((env[name] for name in _RUNS if env.get(name)), f"process-{os.getpid()}")
    shelf = shelf_at(env["PENSTOCK_DRAIN_SHELF"], api=env.get("PENSTOCK_DRAIN_STORAGE"))
    address = env.get("PENSTOCK_DRAIN_ENGINE", "http://127.0.0.1:8000").rstrip("/").removesuffix("/v1")
    at = env["PENSTOCK_DRAIN"]
    return Drain(shelf, at, run, Engine(command, address), address, Parts(shelf, at), int(width))


#: What says who we are, the first that is set.
_RUNS = ("PENSTOCK_DRAIN_RUN", "CLOUD_RUN_EXECUTION", "BATCH_JOB_UID")


async def _main(drain: Drain) -> Exit:
    stop = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, stop.set)
    try:
        return await drain.work(stop)
    except ShelfError as error:
        say(str(error))
        return Exit.FAILED
    finally:
        await drain.shelf.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(drain_of(os.environ, sys.argv[1:]))))
