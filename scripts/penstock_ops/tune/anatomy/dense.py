"""The families whose layers are all alike and have one MLP."""

from __future__ import annotations

from collections.abc import Callable

from penstock_ops.tune.anatomy.decoder import Traits, always, decoder, if_set, never
from penstock_ops.tune.anatomy.dims import Defaults
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Anatomy
from penstock_ops.tune.anatomy.windows import every_nth_full, everywhere, if_switched_on

_LLAMA = Defaults(4096, 11008, 32, 32, vocabulary=32000, context=2048)
_MISTRAL = Defaults(4096, 14336, 32, 32, 8, vocabulary=32000, context=131072)
_QWEN = Defaults(4096, 22016, 32, 32, 32, vocabulary=151936, context=32768)
_QWEN_VL = Defaults(8192, 29568, 80, 64, 8, None, 152064, 32768)
_GEMMA = Defaults(3072, 24576, 28, 16, 16, 256, 256000, 8192, tied=True)
_GEMMA2 = Defaults(2304, 9216, 26, 8, 4, 256, 256000, 8192, tied=True)
_GEMMA3 = Defaults(2304, 9216, 26, 8, 4, 256, 262208, 131072, tied=True)

TRAITS: dict[str, Traits] = {
    "llama": Traits(_LLAMA, mlp_bias=if_set("mlp_bias")),
    "mistral": Traits(_MISTRAL, never, never, windows=everywhere(4096)),
    "ministral3": Traits(
        Defaults(4096, 14336, 34, 32, 8, 128, 131072, 262144), never, never, windows=everywhere(None)
    ),
    "qwen2": Traits(_QWEN, always, never, windows=if_switched_on),
    "qwen3": Traits(
        Defaults(4096, 22016, 32, 32, 32, 128, 151936, 32768), head_norms=always, windows=if_switched_on
    ),
    "qwen2_vl_text": Traits(_QWEN_VL, always, never, windows=if_switched_on),
    "qwen2_5_vl_text": Traits(_QWEN_VL, always, never, windows=if_switched_on),
    "qwen3_vl_text": Traits(
        Defaults(4096, 22016, 32, 32, 32, 128, 151936, 128000),
        head_norms=always,
        only=(("sliding_window", None),),
    ),
    "phi3": Traits(
        Defaults(3072, 8192, 32, 32, None, None, 32064, 4096),
        never,
        never,
        windows=everywhere(None),
        only=(("attention_bias", False), ("mlp_bias", False), ("lm_head_bias", False)),
    ),
    "phi": Traits(
        Defaults(2048, 8192, 24, 32, None, None, 51200, 2048),
        always,
        always,
        always,
        gated=False,
        norms=1,
        norm_bias=True,
        head_bias=always,
        only=(("qk_layernorm", False),),
    ),
    "gemma": Traits(
        _GEMMA, only=(("use_bidirectional_attention", False),), passed_over=("num_image_tokens",)
    ),
    "gemma2": Traits(
        _GEMMA2,
        norms=4,
        windows=every_nth_full(2, 4096),
        only=(("use_bidirectional_attention", False),),
        passed_over=("sliding_window_size",),
    ),
    "gemma3_text": Traits(
        _GEMMA3,
        norms=4,
        head_norms=always,
        windows=every_nth_full(6, 4096, "sliding_window_pattern"),
        only=(("use_bidirectional_attention", False), ("_sliding_window_pattern", 6)),
    ),
    "granite": Traits(Defaults(4096, 11008, 32, 32, None, None, 32000, 2048), mlp_bias=if_set("mlp_bias")),
    "olmo": Traits(Defaults(4096, 11008, 32, 32, None, None, 50304, 2048), norms=0, last_norm=False),
    "olmo2": Traits(Defaults(4096, 11008, 32, 32, None, None, 50304, 2048), wide_head_norms=always),
    "olmo3": Traits(
        Defaults(4096, 11008, 32, 32, None, None, 50304, 2048),
        wide_head_norms=always,
        windows=every_nth_full(4, 4096),
    ),
    "starcoder2": Traits(
        Defaults(3072, 12288, 30, 24, 2, None, 49152, 4096, tied=True),
        if_set("use_bias", True),
        if_set("use_bias", True),
        if_set("use_bias", True),
        gated=False,
        norm_bias=True,
        windows=everywhere(None),
        only=(("norm_type", "layer_norm"), ("mlp_type", "default")),
    ),
    "cohere": Traits(
        Defaults(8192, 22528, 40, 64, None, None, 256000, 8192, tied=True),
        norms=1,
        wide_head_norms=if_set("use_qk_norm"),
    ),
    "cohere2": Traits(
        Defaults(8192, 22528, 40, 64, None, None, 256000, 8192, tied=True),
        norms=1,
        windows=every_nth_full(4, 4096, "sliding_window_pattern"),
        only=(
            ("layer_switch", 4),
            ("_sliding_window_pattern", 4),
            ("order_of_interleaved_layers", "local_attn_first"),
            ("use_embedding_sharing", True),
            ("use_gated_activation", True),
            ("use_parallel_block", True),
        ),
        passed_over=("position_embedding_type", "use_parallel_embedding"),
    ),
    "glm": Traits(
        Defaults(4096, 13696, 40, 32, 2, 128, 151552, 131072), if_set("attention_bias", True), never
    ),
    "glm4": Traits(
        Defaults(4096, 13696, 40, 32, 2, 128, 151552, 131072), if_set("attention_bias", True), never, norms=4
    ),
    "exaone4": Traits(
        Defaults(4096, 16384, 32, 32, 32, None, 102400, 2048),
        never,
        never,
        head_norms=always,
        windows=every_nth_full(4, 4096, "sliding_window_pattern"),
    ),
    "nemotron": Traits(
        Defaults(6144, 24576, 32, 48, None, None, 256000, 4096),
        mlp_bias=if_set("mlp_bias"),
        gated=False,
        norm_bias=True,
        passed_over=("kv_channels",),
    ),
    "smollm3": Traits(
        Defaults(2048, 11008, 36, 16, 4, None, 128256, 32768, tied=True),
        mlp_bias=if_set("mlp_bias"),
        windows=if_switched_on,
    ),
    "ernie4_5": Traits(
        Defaults(1024, 3072, 18, 16, 2, 128, 103424, 131072, tied=True),
        if_set("use_bias"),
        if_set("use_bias"),
        if_set("use_bias"),
    ),
    "seed_oss": Traits(
        Defaults(4096, 27648, 64, 80, 8, 128, 155136, 524288),
        if_set("attention_bias", True),
        if_set("attention_out_bias"),
        if_set("mlp_bias"),
    ),
    "stablelm": Traits(
        Defaults(2560, 6912, 32, 32, 32, None, 50304, 4096),
        if_set("use_qkv_bias"),
        never,
        norm_bias=True,
        only=(("qk_layernorm", False), ("use_parallel_residual", False)),
    ),
    "apertus": Traits(
        Defaults(4096, 14336, 32, 32, None, None, 131072, 65536),
        gated=False,
        head_norms=always,
        activation_parameters=2,
        only=(("qk_norm", True), ("post_norm", False)),
    ),
    "arcee": Traits(
        Defaults(2560, 18432, 32, 32, None, None, 32000, 4096), mlp_bias=if_set("mlp_bias"), gated=False
    ),
    "helium": Traits(
        Defaults(2560, 7040, 24, 20, 20, 128, 48000, 4096), mlp_bias=if_set("mlp_bias"), out_bias=never
    ),
}

DENSE: dict[str, Callable[[Fields], Anatomy]] = {family: decoder(traits) for family, traits in TRAITS.items()}
