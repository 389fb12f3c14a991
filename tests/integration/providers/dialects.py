"""Replies as each provider sends them, and the usage that they state (its documentation, 2026)."""

from __future__ import annotations

import json
from typing import Any

from penstock.messages.completion import Usage


def body(message: Any, usage: Any, finish: Any = "stop", **fields: Any) -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": finish,
        "logprobs": None,
    }
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1764000000, "model": "m-1"}
    return json.dumps({**whole, "choices": [choice], "usage": usage, **fields}).encode()


def counts(prompt: Any, answer: Any, total: Any = None, **more: Any) -> dict[str, Any]:
    stated = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": total}
    return {name: value for name, value in (stated | more).items() if value is not None}


def of_prompt(**details: int) -> dict[str, Any]:
    return {"prompt_tokens_details": details}


def of_answer(**details: int) -> dict[str, Any]:
    return {"completion_tokens_details": details}


PARIS = {"content": "Paris."}
OPENAI = counts(
    2006,
    300,
    2306,
    **of_prompt(cached_tokens=1920, cache_write_tokens=40, audio_tokens=0),
    **of_answer(
        reasoning_tokens=256, audio_tokens=0, accepted_prediction_tokens=0, rejected_prediction_tokens=0
    ),
)
READ_OF_OPENAI = Usage(2006, 300, 1920, 256, cache_write_tokens=40)

DIALECTS: dict[str, tuple[bytes, Usage]] = {
    "OpenAI": (body(PARIS, OPENAI, service_tier="default"), READ_OF_OPENAI),
    "OpenAI, flex": (
        body(PARIS, OPENAI, service_tier="flex"),
        Usage(2006, 300, 1920, 256, False, 40, "flex"),
    ),
    "OpenAI, without any detail": (body(PARIS, counts(12, 5, 17)), Usage(12, 5)),
    "Azure": (
        body(PARIS, OPENAI, prompt_filter_results=[{"prompt_index": 0}], system_fingerprint="fp"),
        READ_OF_OPENAI,
    ),
    # Reasoning is no part of the completion.
    "xAI": (
        body(
            PARIS,
            counts(10120, 1499, 14428, **of_prompt(cached_tokens=128), **of_answer(reasoning_tokens=2809)),
        ),
        Usage(10120, 4308, 128, 2809),
    ),
    "xAI, by a proxy that drops the total": (
        body(PARIS, counts(32, 9, **of_answer(reasoning_tokens=360))),
        Usage(32, 369, 0, 360),
    ),
    # Thoughts are in the total alone.
    "Gemini": (body(PARIS, counts(20, 198, 623)), Usage(20, 603)),
    "Gemini, all of it thought": (
        body({"content": ""}, counts(21, 0, 81, **of_answer(reasoning_tokens=60)), "length"),
        Usage(21, 60, 0, 60),
    ),
    "Gemini, cut off in its thoughts": (body({}, counts(20, None, 1016), "length"), Usage(20, 996)),
    "DeepSeek": (
        body(
            PARIS | {"reasoning_content": "France, so Paris."},
            counts(
                1000,
                400,
                1400,
                prompt_cache_hit_tokens=896,
                prompt_cache_miss_tokens=104,
                **of_answer(reasoning_tokens=350),
            ),
        ),
        Usage(1000, 400, 896, 350),
    ),
    "Moonshot": (body(PARIS, counts(1000, 40, 1040, cached_tokens=768)), Usage(1000, 40, 768)),
    "Mistral": (
        body(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "So…"}]},
                    {"type": "text", "text": "Paris."},
                ]
            },
            counts(50, 30, 80, prompt_audio_seconds={}, num_cached_tokens=32),
        ),
        Usage(50, 30, 32),
    ),
    "OpenRouter": (
        body(
            PARIS
            | {
                "refusal": None,
                "reasoning": "So…",
                "reasoning_details": [{"type": "reasoning.text", "text": "So…"}],
            },
            counts(
                194,
                120,
                314,
                cost=0.0014,
                is_byok=False,
                cost_details={"upstream_inference_cost": None},
                **of_prompt(cached_tokens=100, cache_write_tokens=50),
                **of_answer(reasoning_tokens=64),
            ),
            provider="Anthropic",
            native_finish_reason="end_turn",
        ),
        Usage(194, 120, 100, 64, cache_write_tokens=50),
    ),
    "Groq": (
        body(
            PARIS | {"reasoning": "So…"},
            counts(
                45,
                80,
                125,
                queue_time=0.03,
                prompt_time=0.01,
                completion_time=0.1,
                total_time=0.11,
                **of_prompt(cached_tokens=32),
                **of_answer(reasoning_tokens=60),
            ),
            x_groq={"id": "req_1"},
            service_tier="on_demand",
        ),
        Usage(45, 80, 32, 60),
    ),
    "Groq, usage in x_groq": (
        body(PARIS, None, x_groq={"id": "req_1", "usage": counts(45, 80, 125)}),
        Usage(45, 80),
    ),
    "vLLM": (
        body(
            PARIS
            | {"reasoning": "So…", "tool_calls": [], "refusal": None, "annotations": None, "audio": None},
            counts(30, 12, 42) | {"prompt_tokens_details": None},
            service_tier=None,
            prompt_logprobs=None,
            kv_transfer_params=None,
        ),
        Usage(30, 12),
    ),
    "Ollama": (body(PARIS | {"reasoning": "So…"}, counts(26, 282, 308)), Usage(26, 282)),
    "llama.cpp": (
        body(
            PARIS | {"reasoning_content": "So…"},
            counts(40, 9, 49, **of_prompt(cached_tokens=36)),
            timings={"cache_n": 36, "prompt_n": 4, "predicted_n": 9},
            __verbose=None,
        ),
        Usage(40, 9, 36),
    ),
    # A proxy before Anthropic, in Anthropic's own names: its input leaves the cache out.
    "Anthropic's names": (
        body(
            PARIS,
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 2000,
                "cache_creation_input_tokens": 100,
            },
            "end_turn",
        ),
        Usage(2110, 5, 2000, cache_write_tokens=100),
    ),
    "Anthropic behind a proxy that counts the cache in": (
        body(
            PARIS,
            counts(2110, 5, 2115, cache_read_input_tokens=2000, cache_creation_input_tokens=100),
            "end_turn",
        ),
        Usage(2110, 5, 2000, cache_write_tokens=100),
    ),
    "Anthropic behind a proxy that counts the cache beside": (
        body(
            PARIS,
            counts(10, 5, 2115, cache_read_input_tokens=2000, cache_creation_input_tokens=100),
            "end_turn",
        ),
        Usage(2110, 5, 2000, cache_write_tokens=100),
    ),
    "OpenAI's newer names": (
        body(
            PARIS,
            {
                "input_tokens": 75,
                "output_tokens": 1186,
                "total_tokens": 1261,
                "input_tokens_details": {"cached_tokens": 64},
                "output_tokens_details": {"reasoning_tokens": 1024},
            },
        ),
        Usage(75, 1186, 64, 1024),
    ),
    "whole floats and digits in quotes": (
        body(PARIS, counts(12.0, "5", 17.0, **of_prompt(cached_tokens=8.0))),  # type: ignore[arg-type]
        Usage(12, 5, 8),
    ),
}
