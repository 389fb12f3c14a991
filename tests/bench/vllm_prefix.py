"""What prefix caching brings on a real vLLM: the same questions, with it and without, in two orders.

    python -m penstock_ops.engine install
    python -m tests.bench.vllm_prefix

Two engines run beside each other, one with prefix caching and one without, and are asked in turns through
the provider `openai`, so that whatever else keeps the machine busy meets both. In one order what all prompts
share comes first, in the other what is a question's own. Prints shares and seconds; exit code 1 unless the
engine that caches finds the shared beginning, and only that.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from penstock.adapters.providers.openai import OpenAIProvider
from penstock.messages.request import Request
from penstock_ops.engine.home import EngineHome
from penstock_ops.engine.process import EngineProcess
from tests.integration.providers.conftest import ask

_OPTIONS = ["--max-model-len", "8192", "--max-num-seqs", "4", "--enable-prompt-tokens-details"]
_ENGINES = {"on": "--enable-prefix-caching", "off": "--no-enable-prefix-caching"}
#: A token is a character: the shared instructions, and a question of its own.
_SHARED = ("You classify letters of customers. Answer with one of the labels that are listed here. " * 40)[
    :3_000
]
_QUESTIONS = 40
#: So long a beginning is certainly more than one block of 16 tokens, and less than what is shared.
_FOUND, _NOTHING = 0.8, 0.05


@dataclass
class Heard:
    """Of one engine and one order."""

    seconds: list[float] = field(default_factory=list)
    prompt: int = 0
    cached: int = 0

    @property
    def share(self) -> float:
        return self.cached / self.prompt if self.prompt else 0.0


def questions() -> Iterator[tuple[str, Request]]:
    """Each in both orders, under the order's name."""
    for number in range(_QUESTIONS):
        own = f"Letter {number:04}: my parcel {number * 7919 % 9973:04} has not come. What now?"
        system, user = {"role": "system", "content": _SHARED}, {"role": "user", "content": own}
        yield "shared first", replace(ask(max_tokens=4), messages=(system, user))
        mixed = {"role": "system", "content": f"{own} {_SHARED}"}
        yield "own first", replace(ask(max_tokens=4), messages=(mixed, {"role": "user", "content": "Now."}))


async def measure(engines: dict[str, EngineProcess]) -> dict[tuple[str, str], Heard]:
    """By engine and order. The first question of an order warms it up and is not counted."""
    found: dict[tuple[str, str], Heard] = {}
    asked = {name: OpenAIProvider("tiny", base_url=f"{engine.url}/v1") for name, engine in engines.items()}
    for order, request in questions():
        for name, provider in asked.items():
            began = time.monotonic()
            usage = (await provider.complete(request, timeout_s=120)).usage
            known = found.get((name, order))
            if known is None:
                found[name, order] = Heard()
                continue
            known.seconds.append(time.monotonic() - began)
            known.prompt += usage.prompt_tokens
            known.cached += usage.cached_tokens
    for provider in asked.values():
        await provider.close()
    return found


def run(home: EngineHome, port: int) -> int:
    """The exit code."""
    engines: dict[str, EngineProcess] = {}
    try:
        for number, (name, option) in enumerate(_ENGINES.items()):
            engines[name] = EngineProcess.start(home, port + number, [*_OPTIONS, option])
        found = asyncio.run(measure(engines))
    finally:
        for engine in engines.values():
            engine.stop()
    for (name, order), heard in found.items():
        told = f"cached {heard.share:.1%} of {heard.prompt:,} tokens, median {median(heard.seconds):.3f} s"
        print(f"prefix caching {name}, {order}: {told}, {sum(heard.seconds):.1f} s together")
    shares = {key: heard.share for key, heard in found.items()}
    found_it = shares.pop(("on", "shared first")) > _FOUND
    return 0 if found_it and all(share < _NOTHING for share in shares.values()) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="the engine's folder, where it is not the usual one")
    parser.add_argument("--port", type=int, default=8170, help="the first of two ports")
    given = parser.parse_args()
    sys.exit(run(EngineHome(given.home) if given.home else EngineHome.default(), given.port))
