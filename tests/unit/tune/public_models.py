"""What public models weigh and what a token leaves, beside their configs in `public_configs.jsonl`.

The configs are the published ones, reduced to what sizes depend on. Where each parameter count is from:
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: transformers 5.24 built the model from the config on its meta device; every parameter counted once.
BUILT = "built"
#: The same, and the router's correction biases, which the checkpoint holds and the class keeps as buffers.
ROUTED = "built, with the router's biases"
#: The same, with an output head of its own as the checkpoint has it: this release of the class ties the
#: outer config by default, the language model's own config and the published file do not.
UNTIED = "built, with the output head of the checkpoint"


@dataclass(frozen=True)
class Sizes:
    """Expected sizes of one model."""

    model: str
    parameters: int
    source: str
    #: 2 (key, value) · layers that attend · key heads · head size · bytes; or the compressed pair.
    kv_bytes: int
    #: Layers that keep a state · (convolution's tail · 2 bytes + recurrent state · its bytes).
    state_bytes: int = 0


COMPUTED = [
    Sizes("meta-llama/Llama-2-7b-hf", 6_738_415_616, BUILT, 2 * 32 * 32 * 128 * 2),
    Sizes("meta-llama/Llama-3.1-8B", 8_030_261_248, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("meta-llama/Llama-3.1-70B", 70_553_706_496, BUILT, 2 * 80 * 8 * 128 * 2),
    Sizes("meta-llama/Llama-3.2-1B", 1_235_814_400, BUILT, 2 * 16 * 8 * 64 * 2),
    Sizes("TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1_100_048_384, BUILT, 2 * 22 * 4 * 64 * 2),
    Sizes("mistralai/Mistral-7B-v0.1", 7_241_732_096, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("mistralai/Mistral-7B-v0.3", 7_248_023_552, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("mistralai/Mistral-Nemo-Base-2407", 12_247_782_400, BUILT, 2 * 40 * 8 * 128 * 2),
    Sizes("mistralai/Mixtral-8x7B-v0.1", 46_702_792_704, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("mistralai/Mixtral-8x22B-v0.1", 140_620_634_112, BUILT, 2 * 56 * 8 * 128 * 2),
    Sizes("Qwen/Qwen2.5-0.5B", 494_032_768, BUILT, 2 * 24 * 2 * 64 * 2),
    Sizes("Qwen/Qwen2.5-7B", 7_615_616_512, BUILT, 2 * 28 * 4 * 128 * 2),
    Sizes("Qwen/Qwen2.5-32B", 32_763_876_352, BUILT, 2 * 64 * 8 * 128 * 2),
    Sizes("Qwen/Qwen1.5-MoE-A2.7B", 14_315_784_192, BUILT, 2 * 24 * 16 * 128 * 2),
    Sizes("Qwen/Qwen3-0.6B", 596_049_920, BUILT, 2 * 28 * 8 * 128 * 2),
    Sizes("Qwen/Qwen3-8B", 8_190_735_360, BUILT, 2 * 36 * 8 * 128 * 2),
    Sizes("Qwen/Qwen3-30B-A3B", 30_532_122_624, BUILT, 2 * 48 * 4 * 128 * 2),
    Sizes(
        "Qwen/Qwen3-Next-80B-A3B-Instruct",
        79_674_391_296,
        BUILT,
        2 * 12 * 2 * 256 * 2,
        36 * (3 * 8192 * 2 + 32 * 128 * 128 * 2),
    ),
    Sizes("microsoft/phi-2", 2_779_683_840, BUILT, 2 * 32 * 32 * 80 * 2),
    Sizes("microsoft/Phi-3-mini-4k-instruct", 3_821_079_552, BUILT, 2 * 32 * 32 * 96 * 2),
    Sizes("microsoft/Phi-4-mini-instruct", 3_836_021_760, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("microsoft/phi-4", 14_659_507_200, BUILT, 2 * 40 * 10 * 128 * 2),
    Sizes("microsoft/Phi-3.5-MoE-instruct", 41_873_153_344, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("google/gemma-2b", 2_506_172_416, BUILT, 2 * 18 * 1 * 256 * 2),
    Sizes("google/gemma-7b", 8_537_680_896, BUILT, 2 * 28 * 16 * 256 * 2),
    Sizes("google/gemma-2-2b", 2_614_341_888, BUILT, 2 * 26 * 4 * 256 * 2),
    Sizes("google/gemma-2-9b", 9_241_705_984, BUILT, 2 * 42 * 8 * 256 * 2),
    Sizes("google/gemma-2-27b", 27_227_128_320, BUILT, 2 * 46 * 16 * 128 * 2),
    Sizes("google/gemma-3-1b-it", 999_885_952, BUILT, 2 * 26 * 1 * 256 * 2),
    Sizes("google/gemma-3-4b-it", 4_300_079_472, BUILT, 2 * 34 * 4 * 256 * 2),
    Sizes("google/gemma-3-12b-it", 12_187_325_040, BUILT, 2 * 48 * 8 * 256 * 2),
    Sizes("google/gemma-3-27b-it", 27_432_406_640, BUILT, 2 * 62 * 16 * 128 * 2),
    Sizes("openai-community/gpt2", 124_439_808, BUILT, 2 * 12 * 12 * 64 * 2),
    Sizes("EleutherAI/gpt-j-6b", 6_050_882_784, BUILT, 2 * 28 * 16 * 256 * 2),
    Sizes("EleutherAI/gpt-neox-20b", 20_554_567_680, BUILT, 2 * 44 * 64 * 96 * 2),
    Sizes("bigcode/starcoder", 15_517_456_384, BUILT, 2 * 40 * 1 * 128 * 2),
    Sizes("bigcode/starcoder2-7b", 7_173_923_840, BUILT, 2 * 32 * 4 * 128 * 2),
    Sizes("tiiuae/falcon-7b", 6_921_720_704, BUILT, 2 * 32 * 1 * 64 * 2),
    Sizes("tiiuae/falcon-40b", 41_303_293_952, BUILT, 2 * 60 * 8 * 64 * 2),
    Sizes("mosaicml/mpt-7b", 6_649_286_656, BUILT, 2 * 32 * 32 * 128 * 2),
    Sizes("bigscience/bloom-7b1", 7_069_016_064, BUILT, 2 * 30 * 32 * 128 * 2),
    Sizes("facebook/opt-6.7b", 6_658_473_984, BUILT, 2 * 32 * 32 * 128 * 2),
    Sizes("stabilityai/stablelm-3b-4e1t", 2_795_443_200, BUILT, 2 * 32 * 32 * 80 * 2),
    Sizes("CohereForAI/c4ai-command-r-v01", 34_980_831_232, BUILT, 2 * 40 * 64 * 128 * 2),
    Sizes("CohereForAI/c4ai-command-r7b-12-2024", 8_028_033_024, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("ibm-granite/granite-3.1-8b-instruct", 8_170_848_256, BUILT, 2 * 40 * 8 * 128 * 2),
    Sizes("ibm-granite/granite-3.1-3b-a800m-instruct", 3_298_793_472, BUILT, 2 * 32 * 8 * 64 * 2),
    Sizes(
        "ibm-granite/granite-4.0-h-tiny",
        6_939_037_248,
        BUILT,
        2 * 4 * 4 * 128 * 2,
        36 * (3 * (3072 + 2 * 128) * 2 + 48 * 64 * 128 * 2),
    ),
    Sizes("allenai/OLMo-7B-hf", 6_888_095_744, BUILT, 2 * 32 * 32 * 128 * 2),
    Sizes("allenai/OLMo-2-1124-7B", 7_298_617_344, BUILT, 2 * 32 * 32 * 128 * 2),
    Sizes("allenai/Olmo-3-1025-7B", 7_298_011_136, BUILT, 2 * 32 * 32 * 128 * 2),
    Sizes("allenai/OLMoE-1B-7B-0924", 6_919_161_856, BUILT, 2 * 16 * 16 * 128 * 2),
    Sizes("THUDM/glm-4-9b-chat-hf", 9_399_951_360, BUILT, 2 * 40 * 2 * 128 * 2),
    Sizes("THUDM/GLM-4-9B-0414", 9_400_279_040, BUILT, 2 * 40 * 2 * 128 * 2),
    Sizes("zai-org/GLM-4.5-Air", 106_852_251_264, ROUTED, 2 * 46 * 8 * 128 * 2),
    Sizes("LGAI-EXAONE/EXAONE-4.0-32B", 32_003_216_384, BUILT, 2 * 64 * 8 * 128 * 2),
    Sizes("nvidia/Minitron-4B-Base", 4_190_509_056, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("HuggingFaceTB/SmolLM3-3B", 3_075_098_624, BUILT, 2 * 36 * 4 * 128 * 2),
    Sizes("baidu/ERNIE-4.5-0.3B-PT", 360_748_032, BUILT, 2 * 18 * 2 * 128 * 2),
    Sizes("ByteDance-Seed/Seed-OSS-36B-Instruct", 36_151_104_512, BUILT, 2 * 64 * 8 * 128 * 2),
    Sizes("swiss-ai/Apertus-8B-2509", 8_053_338_176, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("deepseek-ai/DeepSeek-V2-Lite", 15_706_484_224, BUILT, 27 * (512 + 64) * 2),
    Sizes("deepseek-ai/DeepSeek-V3", 671_026_419_200, ROUTED, 61 * (512 + 64) * 2),
    Sizes("moonshotai/Kimi-K2-Instruct", 1_026_408_232_448, ROUTED, 61 * (512 + 64) * 2),
    Sizes("openbmb/MiniCPM3-4B", 4_073_875_968, BUILT, 62 * (256 + 32) * 2),
    Sizes("openai/gpt-oss-20b", 20_914_757_184, BUILT, 2 * 24 * 8 * 64 * 2),
    Sizes("openai/gpt-oss-120b", 116_829_156_672, BUILT, 2 * 36 * 8 * 64 * 2),
    Sizes("meta-llama/Llama-4-Scout-17B-16E-Instruct", 108_641_793_536, BUILT, 2 * 48 * 8 * 128 * 2),
    Sizes("meta-llama/Llama-4-Maverick-17B-128E-Instruct", 401_583_781_376, BUILT, 2 * 48 * 8 * 128 * 2),
    Sizes("MiniMaxAI/MiniMax-M2", 228_689_764_864, ROUTED, 2 * 62 * 8 * 128 * 2),
    Sizes("ai21labs/Jamba-v0.1", 51_570_323_328, BUILT, 2 * 4 * 8 * 128 * 2, 28 * 8192 * (3 + 16) * 2),
    Sizes(
        "ibm-ai-platform/Bamba-9B-v1",
        9_780_235_392,
        BUILT,
        2 * 3 * 8 * 128 * 2,
        29 * (3 * (8192 + 2 * 128) * 2 + 128 * 64 * 128 * 2),
    ),
    Sizes(
        "tiiuae/Falcon-H1-7B-Instruct",
        7_585_519_712,
        BUILT,
        2 * 44 * 2 * 128 * 2,
        44 * (3 * (3072 + 2 * 256) * 2 + 24 * 128 * 256 * 2),
    ),
    Sizes("LiquidAI/LFM2-1.2B", 1_170_340_608, BUILT, 2 * 6 * 8 * 64 * 2, 10 * 2 * 2048 * 2),
    Sizes("LiquidAI/LFM2-2.6B", 2_569_272_320, BUILT, 2 * 8 * 8 * 64 * 2, 22 * 2 * 2048 * 2),
    Sizes("LiquidAI/LFM2-8B-A1B", 8_339_930_560, ROUTED, 2 * 6 * 8 * 64 * 2, 18 * 2 * 2048 * 2),
    Sizes(
        "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
        31_577_940_288,
        ROUTED,
        2 * 6 * 2 * 128 * 2,
        23 * (3 * (4096 + 2 * 8 * 128) * 2 + 64 * 64 * 128 * 4),
    ),
    Sizes(
        "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8",
        120_668_707_840,
        ROUTED,
        2 * 8 * 2 * 128 * 2,
        40 * (3 * (8192 + 2 * 8 * 128) * 2 + 128 * 64 * 128 * 4),
    ),
    Sizes(
        "nvidia/Nemotron-H-56B-Base-8K",
        56_324_350_464,
        BUILT,
        2 * 10 * 8 * 128 * 2,
        54 * (3 * (16384 + 2 * 8 * 256) * 2 + 256 * 64 * 256 * 2),
    ),
    Sizes("llava-hf/llava-1.5-7b-hf", 7_063_427_072, BUILT, 2 * 32 * 32 * 128 * 2),
    Sizes("llava-hf/llava-v1.6-mistral-7b-hf", 7_566_747_648, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("mistral-community/pixtral-12b", 12_682_739_712, BUILT, 2 * 40 * 8 * 128 * 2),
    Sizes("mistralai/Mistral-Small-3.2-24B-Instruct-2506", 24_011_361_280, UNTIED, 2 * 40 * 8 * 128 * 2),
    Sizes("Qwen/Qwen2-VL-7B-Instruct", 8_291_375_616, BUILT, 2 * 28 * 4 * 128 * 2),
    Sizes("Qwen/Qwen2.5-VL-7B-Instruct", 8_292_166_656, BUILT, 2 * 28 * 4 * 128 * 2),
    Sizes("Qwen/Qwen3-VL-8B-Instruct", 8_767_123_696, BUILT, 2 * 36 * 8 * 128 * 2),
    Sizes("Qwen/Qwen3-VL-30B-A3B-Instruct", 31_070_754_032, BUILT, 2 * 48 * 4 * 128 * 2),
    Sizes(
        "Qwen/Qwen3.5-9B", 9_409_813_744, BUILT, 2 * 8 * 4 * 256 * 2, 24 * (3 * 8192 * 2 + 32 * 128 * 128 * 4)
    ),
    Sizes("google/paligemma-3b-pt-224", 2_923_466_480, BUILT, 2 * 18 * 1 * 256 * 2),
    Sizes("OpenGVLab/InternVL3-8B-hf", 7_944_373_760, UNTIED, 2 * 28 * 4 * 128 * 2),
    Sizes("HuggingFaceM4/Idefics3-8B-Llama3", 8_462_086_384, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("unsloth/llama-3-8b-Instruct-bnb-4bit", 8_030_261_248, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", 8_030_261_248, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("hugging-quants/Meta-Llama-3.1-8B-Instruct-GPTQ-INT4", 8_030_261_248, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", 8_030_261_248, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", 8_030_261_248, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("nvidia/Llama-3.1-8B-Instruct-FP8", 8_030_261_248, BUILT, 2 * 32 * 8 * 128 * 1),
    Sizes("nvidia/Llama-3.1-8B-Instruct-NVFP4", 8_030_261_248, BUILT, 2 * 32 * 8 * 128 * 2),
    Sizes("Qwen/Qwen3-30B-A3B-FP8", 30_532_122_624, BUILT, 2 * 48 * 4 * 128 * 2),
    Sizes(
        "mistralai/Mixtral-8x7B-Instruct-v0.1 (bitsandbytes, 8 bit)",
        46_702_792_704,
        BUILT,
        2 * 32 * 8 * 128 * 2,
    ),
]

#: Models that are refused, and what the sentence must say.
REFUSED = {
    "facebook/opt-350m": "word_embed_proj_dim 512",
    "stabilityai/stablelm-2-12b": "qk_layernorm True",
    "state-spaces/mamba-2.8b-hf": "'mamba' leaves in the cache is not computed",
    "tiiuae/falcon-mamba-7b": "'falcon_mamba' leaves in the cache is not computed",
    "meta-llama/Llama-3.2-11B-Vision": "'mllama' leaves in the cache is not computed",
    "google/gemma-3n-E2B-it (text)": "'gemma3n_text' leaves in the cache is not computed",
    "google/gemma-4-26B-A4B-it (text)": "'gemma4_text' leaves in the cache is not computed",
    "databricks/dbrx-base": "'dbrx' leaves in the cache is not computed",
    "apple/OpenELM-3B": "'openelm' leaves in the cache is not computed",
    "nvidia/Llama-3_1-Nemotron-51B-Instruct": "'nemotron-nas' leaves in the cache is not computed",
    "google/recurrentgemma-2b": "'recurrent_gemma' leaves in the cache is not computed",
    "Zyphra/Zamba2-2.7B": "'zamba2' leaves in the cache is not computed",
    "moonshotai/Kimi-Linear-48B-A3B-Instruct": "'kimi_linear' leaves in the cache is not computed",
    "deepseek-ai/DeepSeek-V3.2-Exp": "'deepseek_v32' leaves in the cache is not computed",
    "MiniMaxAI/MiniMax-Text-01": "'minimax_text_01' leaves in the cache is not computed",
    "XiaomiMiMo/MiMo-V2-Flash": "'mimo_v2_flash' leaves in the cache is not computed",
    "THUDM/chatglm3-6b": "'chatglm' leaves in the cache is not computed",
    "OpenGVLab/InternVL2_5-8B": "",
    "microsoft/Phi-4-multimodal-instruct": "'phi4mm' leaves in the cache is not computed",
    "RWKV/rwkv-4-169m-pile": "'rwkv' leaves in the cache is not computed",
    "google-t5/t5-base": "'t5' leaves in the cache is not computed",
    "Skywork/Skywork-Reward-Llama-3.1-8B": "LlamaForSequenceClassification, not a model that generates text",
    "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B": "LlamaForCausalLMEagle3, not a model that generates text",
    "unsloth/Qwen2.5-VL-7B-Instruct-bnb-4bit": "takes 160 matrices of the vision tower too",
    "mlx-community/Llama-3.1-8B-Instruct-4bit": "what quantization means for the sizes is not known here",
}


@cache
def public_configs() -> dict[str, dict[str, Any]]:
    """Every config of the file, by the model's name."""
    lines = Path(__file__).with_name("public_configs.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["model"]: row["config"] for row in map(json.loads, lines)}
