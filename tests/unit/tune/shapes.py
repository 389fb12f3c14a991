"""Published configs: the fields of each model's config.json that sizes depend on."""

from __future__ import annotations

from typing import Any


def _config(
    family: str, hidden: int, mlp: int, layers: int, heads: int, kv_heads: int, vocabulary: int, context: int
) -> dict[str, Any]:
    return {
        "model_type": family,
        "hidden_size": hidden,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }


LLAMA_31_8B = _config("llama", 4096, 14336, 32, 32, 8, 128256, 131072)
LLAMA_31_70B = _config("llama", 8192, 28672, 80, 64, 8, 128256, 131072)
MISTRAL_7B = _config("mistral", 4096, 14336, 32, 32, 8, 32000, 32768)
QWEN_25_7B = _config("qwen2", 3584, 18944, 28, 28, 4, 152064, 32768)
QWEN_25_32B = _config("qwen2", 5120, 27648, 64, 40, 8, 152064, 32768)
