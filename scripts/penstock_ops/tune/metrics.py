"""What an engine says of itself on `/metrics`: TGI's and vLLM's Prometheus text, made comparable."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^}]*\})?\s+([^\s]+)")

#: Our name → the engine's series. Counters and histogram sums, summed over their labels.
_SERIES = {
    "vllm": {
        "running": "vllm:num_requests_running",
        "waiting": "vllm:num_requests_waiting",
        "kv_cache_usage": "vllm:kv_cache_usage_perc",
        "prefix_queries": "vllm:prefix_cache_queries_total",
        "prefix_hits": "vllm:prefix_cache_hits_total",
        "preemptions": "vllm:num_preemptions_total",
        "queue_s_sum": "vllm:request_queue_time_seconds_sum",
        "queue_s_count": "vllm:request_queue_time_seconds_count",
        "first_token_s_sum": "vllm:time_to_first_token_seconds_sum",
        "first_token_s_count": "vllm:time_to_first_token_seconds_count",
    },
    "tgi": {
        "running": "tgi_batch_current_size",
        "waiting": "tgi_queue_size",
        "batch_max_total_tokens": "tgi_batch_max_total_tokens",
        "queue_s_sum": "tgi_request_queue_duration_sum",
        "queue_s_count": "tgi_request_queue_duration_count",
    },
}


@dataclass(frozen=True)
class EngineMetrics:
    """One reading: which engine it is, and its series under our names."""

    kind: str
    values: dict[str, float]

    def mean_since(self, before: EngineMetrics, series: str) -> float | None:
        """Mean of a histogram between two readings, or None when nothing was observed."""
        count = self._grown(before, f"{series}_count")
        return self._grown(before, f"{series}_sum") / count if count > 0 else None

    def _grown(self, before: EngineMetrics, name: str) -> float:
        return self.values.get(name, 0.0) - before.values.get(name, 0.0)


def parse_metrics(text: str) -> EngineMetrics | None:
    """The reading in a Prometheus exposition, or None when it is neither TGI's nor vLLM's."""
    samples: dict[str, float] = {}
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if not match:
            continue
        try:
            samples[match[1]] = samples.get(match[1], 0.0) + float(match[2])
        except ValueError:
            return None
    kind = "vllm" if any(n.startswith("vllm:") for n in samples) else "tgi"
    if not any(n.startswith(("vllm:", "tgi_")) for n in samples):
        return None
    values = {ours: samples[theirs] for ours, theirs in _SERIES[kind].items() if theirs in samples}
    return EngineMetrics(kind, values)
