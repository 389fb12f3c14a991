"""The sizes that nearly every decoder has, under the names of its own config."""

from __future__ import annotations

from dataclasses import dataclass

from penstock_ops.tune.anatomy.fields import Fields


@dataclass(frozen=True)
class Defaults:
    """What a family's config class takes where a field is left out; None: the field must be there.

    Nested configs (`text_config`) leave out whatever equals these. Source: the config classes of
    transformers 5.24, each checked against a model built by it.
    """

    hidden: int | None = None
    mlp: int | None = None
    layers: int | None = None
    heads: int | None = None
    #: None: as many as there are query heads.
    kv_heads: int | None = None
    #: None: hidden_size / num_attention_heads.
    head_size: int | None = None
    vocabulary: int | None = None
    context: int | None = None
    tied: bool = False


@dataclass(frozen=True)
class Dims:
    """Sizes of one decoder."""

    hidden: int
    mlp: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    tied: bool

    @property
    def query(self) -> int:
        """Width of all query heads."""
        return self.heads * self.head_size

    @property
    def kv(self) -> int:
        """Width of all key heads, and of all value heads."""
        return self.kv_heads * self.head_size


def read_dims(c: Fields, d: Defaults) -> Dims:
    """The sizes; TuneFault names what is missing, not a count, or does not divide."""
    _name_all_that_is_missing(c, d)
    hidden, heads = c.size("hidden_size", d.hidden), c.size("num_attention_heads", d.heads)
    return Dims(
        hidden=hidden,
        mlp=c.size("intermediate_size", d.mlp),
        layers=c.size("num_hidden_layers", d.layers),
        heads=heads,
        kv_heads=kv_heads(c, heads, d.kv_heads),
        head_size=head_size(c, hidden, heads, d.head_size),
        vocabulary=c.size("vocab_size", d.vocabulary),
        context=c.size("max_position_embeddings", d.context),
        tied=c.flag("tie_word_embeddings", d.tied),
    )


def kv_heads(c: Fields, heads: int, default: int | None, name: str = "num_key_value_heads") -> int:
    """Key and value heads: left out means the family's default, null means one for each query head."""
    left_out = c.missing(name)
    found = c.some(name) or (default if left_out and default else heads)
    if found > heads or heads % found:
        raise c.fault(f"{name} {found} does not divide num_attention_heads {heads}")
    return found


def head_size(
    c: Fields, hidden: int, heads: int, default: int | None, names: tuple[str, ...] = ("head_dim",)
) -> int:
    """Size of a head: stated, the family's default, or the hidden size shared out among the heads."""
    left_out = {c.missing(name) for name in names} == {True}
    stated = next((c.count(name) for name in names if c.has(name)), None)
    if stated or (left_out and default):
        return stated or default or 0
    if hidden % heads:
        raise c.fault(
            f"hidden_size {hidden} is no multiple of num_attention_heads {heads}, and {names[0]} is not given"
        )
    return hidden // heads


def _name_all_that_is_missing(c: Fields, d: Defaults) -> None:
    needed = {
        "hidden_size": d.hidden,
        "num_hidden_layers": d.layers,
        "num_attention_heads": d.heads,
        "intermediate_size": d.mlp,
        "vocab_size": d.vocabulary,
        "max_position_embeddings": d.context,
    }
    c.require_sizes(needed)
