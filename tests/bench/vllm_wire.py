"""The provider `openai` against a real vLLM: structured output, cached tokens, a full queue.

    python -m penstock_ops.engine up --detach --port 8100 --max-model-len 4096 --max-num-seqs 4 \
        --max-num-queued-reqs 8 --enable-prompt-tokens-details
    python -m tests.bench.vllm_wire --engine http://127.0.0.1:8100

Prints what came; exit code 1 when one of the three is not as it should be. The tests show the same against a
server that speaks vLLM's wire; this is the look at the real one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from penstock.adapters.providers.openai import OpenAIProvider
from penstock.errors import FailureClass, ProviderFailure
from tests.integration.providers.conftest import ask

_SCHEMA = {
    "type": "object",
    # An enum, because a model of random weights fills a free string with control characters, which
    # vLLM's grammar lets through.
    "properties": {"city": {"enum": ["Oslo", "Rome"]}, "big": {"type": "boolean"}},
    "required": ["city", "big"],
    "additionalProperties": False,
}


async def look(url: str) -> int:
    """How many of the three are not as they should be."""
    provider = OpenAIProvider("tiny", base_url=f"{url}/v1")
    try:
        return sum([not await _structured(provider), not await _cached(provider), not await _full(provider)])
    finally:
        await provider.close()


async def _structured(provider: OpenAIProvider) -> bool:
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": _SCHEMA}}
    answer = await provider.complete(ask("A city", max_tokens=200, response_format=wanted), timeout_s=120)
    print("structured output:", answer.finish_reason, answer.text[:120])
    try:
        return set(json.loads(answer.text)) == {"city", "big"}
    except ValueError:
        return False


async def _cached(provider: OpenAIProvider) -> bool:
    question = ask("a long preamble that every request shares " * 40, max_tokens=4)
    usages = [(await provider.complete(question, timeout_s=60)).usage for _ in range(2)]
    print("cached tokens:", [(usage.prompt_tokens, usage.cached_tokens) for usage in usages])
    return usages[1].cached_tokens > 0


async def _full(provider: OpenAIProvider) -> bool:
    asked = (provider.complete(ask(f"{n} hello", max_tokens=64), timeout_s=120) for n in range(40))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ProviderFailure)]
    kinds = {(failure.kind.value, failure.status) for failure in refused}
    print(f"full queue: {len(answers) - len(refused)} answered, {len(refused)} refused as {kinds}")
    return kinds == {(FailureClass.UNPAID.value, 503)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", required=True, help="the engine's URL, without /v1")
    sys.exit(1 if asyncio.run(look(parser.parse_args().engine)) else 0)
