"""Make a Llama of some 3 million random parameters. Runs inside the engine's environment only.

The tokenizer has one token per byte and no merges, so a prompt of n ASCII characters is exactly
n tokens: lengths drawn from a trace arrive at the engine as they were drawn.
"""

import sys
from pathlib import Path

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<s>' + m['role'] + ':' + m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant:{% endif %}"
)


def main(folder: Path) -> None:
    import torch  # type: ignore[import-not-found]  # in the engine's environment only
    from tokenizers import (  # type: ignore[import-not-found]  # likewise
        Tokenizer,
        decoders,
        pre_tokenizers,
    )
    from tokenizers.models import BPE  # type: ignore[import-not-found]  # likewise
    from transformers import (  # type: ignore[import-not-found]  # likewise
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedTokenizerFast,
    )

    special = ["<s>", "</s>", "<pad>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(special + letters)}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    begin, end, padding = special
    names = {"bos_token": begin, "eos_token": end, "pad_token": padding}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)

    torch.manual_seed(20261121)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=32768,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
