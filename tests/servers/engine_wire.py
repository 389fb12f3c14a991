"""The bodies and metrics of TGI and vLLM, as their clients see them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.servers.engine_batch import Batch, Sequence

if TYPE_CHECKING:
    from tests.servers.engine_server import EngineOptions

TGI_ERROR_TYPES = {
    429: "overloaded",
    422: "validation",
    424: "generation",
    500: "incomplete_generation",
    503: "unhealthy",
}
_WORD = "word"


@dataclass
class Totals:
    """Counters since the start."""

    requests: int = 0
    rejected: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    queue_s: float = 0.0
    first_token_s: float = 0.0
    total_s: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, done: Sequence, now: float) -> None:
        self.requests += 1
        self.input_tokens += done.input_tokens
        self.output_tokens += done.output_tokens
        self.queue_s += done.admitted - done.arrived
        self.first_token_s += (done.first_token or now) - done.arrived
        self.total_s += now - done.arrived


def chat_answer(
    kind: str, model: str, asked: dict[str, Any], done: Sequence, cached: int | None
) -> dict[str, Any]:
    """A chat completion: text, JSON of the asked schema, or a tool call."""
    message: dict[str, Any] = {"role": "assistant", "content": " ".join([_WORD] * done.output_tokens)}
    finish = "length"
    schema = _schema(kind, asked.get("response_format"))
    if schema is not None:
        message["content"], finish = json.dumps(_instance(schema)), "stop"
    tools = asked.get("tools")
    if tools and asked.get("tool_choice") not in (None, "none"):
        message["content"], finish = None, "tool_calls"
        message["tool_calls"] = [_call(tools[0]["function"])]
    usage: dict[str, Any] = {
        "prompt_tokens": done.input_tokens,
        "completion_tokens": done.output_tokens,
        "total_tokens": done.input_tokens + done.output_tokens,
    }
    if cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return {
        "id": "" if kind == "tgi" else "chatcmpl-1", "object": "chat.completion", "created": 1763683200,
        "model": model, "choices": [choice], "usage": usage,
    }  # fmt: skip


def generate_answer(done: Sequence) -> dict[str, Any]:
    return {
        "generated_text": " ".join([_WORD] * done.output_tokens),
        "details": {
            "finish_reason": "length",
            "generated_tokens": done.output_tokens,
            "prefill": [],
            "tokens": [],
        },
    }


def queue_headers(done: Sequence, now: float) -> dict[str, str]:
    """TGI tells in milliseconds where the time of a request went."""
    times = {
        "x-total-time": now - done.arrived,
        "x-queue-time": done.admitted - done.arrived,
        "x-inference-time": now - done.admitted,
        "x-time-per-token": (now - done.admitted) / max(1, done.output_tokens),
    }
    return {name: str(round(seconds * 1000)) for name, seconds in times.items()}


def metrics_text(kind: str, batch: Batch, totals: Totals, options: EngineOptions) -> str:
    """The Prometheus exposition of this engine."""
    return _tgi_metrics(batch, totals, options) if kind == "tgi" else _vllm_metrics(batch, totals, options)


def _vllm_metrics(batch: Batch, totals: Totals, options: EngineOptions) -> str:
    labels = f'{{engine="0",model_name="{options.model}"}}'
    held = sum(s.input_tokens + s.output_tokens for s in batch.running)
    series = {
        "vllm:num_requests_running": len(batch.running),
        "vllm:num_requests_waiting": len(batch.waiting),
        "vllm:kv_cache_usage_perc": min(1.0, held / options.parameters.kv_tokens),
        "vllm:prefix_cache_queries_total": totals.input_tokens,
        "vllm:prefix_cache_hits_total": 0,
        "vllm:num_preemptions_total": 0,
        "vllm:prompt_tokens_total": totals.input_tokens,
        "vllm:generation_tokens_total": totals.output_tokens,
        "vllm:request_queue_time_seconds_sum": totals.queue_s,
        "vllm:request_queue_time_seconds_count": totals.requests,
        "vllm:time_to_first_token_seconds_sum": totals.first_token_s,
        "vllm:time_to_first_token_seconds_count": totals.requests,
        "vllm:e2e_request_latency_seconds_sum": totals.total_s,
        "vllm:e2e_request_latency_seconds_count": totals.requests,
    }
    return "".join(f"{name}{labels} {float(value)}\n" for name, value in series.items())


def _tgi_metrics(batch: Batch, totals: Totals, options: EngineOptions) -> str:
    held = sum(s.input_tokens + s.output_tokens for s in batch.running)
    series = {
        "tgi_queue_size": len(batch.waiting),
        "tgi_batch_current_size": len(batch.running),
        "tgi_batch_current_max_tokens": held,
        "tgi_batch_max_total_tokens": options.batch_max_total_tokens,
        "tgi_request_duration_sum": totals.total_s,
        "tgi_request_duration_count": totals.requests,
        "tgi_request_queue_duration_sum": totals.queue_s,
        "tgi_request_queue_duration_count": totals.requests,
        "tgi_request_input_length_sum": totals.input_tokens,
        "tgi_request_input_length_count": totals.requests,
        "tgi_request_generated_tokens_sum": totals.output_tokens,
        "tgi_request_generated_tokens_count": totals.requests,
    }
    lines = [f"{name} {value}" for name, value in series.items()]
    lines += [f'tgi_request_failure{{err="{kind}"}} {count}' for kind, count in totals.failures.items()]
    return "\n".join(lines) + "\n"


def _schema(kind: str, wanted: object) -> dict[str, Any] | None:
    """The JSON schema to obey. Each engine knows its own spelling and drops the other's silently."""
    if not isinstance(wanted, dict):
        return None
    if kind == "tgi":
        found = wanted.get("value") if wanted.get("type") in ("json", "json_object", "json_schema") else None
    else:
        found = (
            (wanted.get("json_schema") or {}).get("schema") if wanted.get("type") == "json_schema" else None
        )
    return found if isinstance(found, dict) else None


def _instance(schema: dict[str, Any]) -> Any:
    """The smallest value that a simple schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {name: _instance(part) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_instance(schema["items"])] if "items" in schema else []
    return {"integer": 1, "number": 1.5, "boolean": True}.get(str(schema.get("type")), _WORD)


def _call(function: dict[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(_instance(function.get("parameters", {"type": "object"})))
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }
