"""The parts that every size is added up from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

#: An element of a state that is held at the model's own width, 16 bit.
MODEL_WIDTH = 2


@dataclass(frozen=True)
class Weight:
    """One tensor, or the equal tensors of all experts of a layer, under its name in the checkpoint."""

    name: str
    count: int
    #: A projection matrix: what quantization shrinks. Norms, biases, embeddings and routers are none.
    shrinks: bool = False
    #: Of a vision tower or its projector: engines leave these at 16 bit when they quantize while loading.
    tower: bool = False


@dataclass(frozen=True)
class Cache:
    """What one layer keeps of a sequence."""

    #: Elements that each token adds (keys and values, or the compressed pair of latent attention).
    token_elements: int = 0
    #: Tokens kept at most; None: all of them.
    window: int | None = None
    #: Bytes that a sequence holds however long it is (a convolution's tail, a recurrent state).
    state_bytes: int = 0


@dataclass(frozen=True)
class Image:
    """The largest image that an engine plans for, as the tower sees it."""

    patches: int
    #: Elements that the tower's widest layer makes of one patch.
    width: int


@dataclass(frozen=True)
class Anatomy:
    """A whole model: every weight, every layer's cache, the widest step."""

    weights: tuple[Weight, ...]
    caches: tuple[Cache, ...]
    hidden: int
    vocabulary: int
    context: int
    #: Elements per token of the widest thing that a layer makes.
    width: int
    #: Key and value heads and their size, where every layer that attends has the same; else 0.
    kv_heads: int = 0
    head_size: int = 0
    #: Keys and values are one compressed pair a token (latent attention).
    latent: bool = False
    image: Image | None = None
    #: What is left out on purpose, in words for the user.
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        return sum(w.count for w in self.weights)


@dataclass
class Pile:
    """Weights as they are added, under the prefix of the layer at hand."""

    weights: list[Weight] = field(default_factory=list)

    def matrix(self, name: str, inputs: int, outputs: int, bias: bool = False, copies: int = 1) -> None:
        """A projection of `inputs` to `outputs`, `copies` times (experts), with its bias if it has one."""
        self.weights.append(Weight(name, inputs * outputs * copies, shrinks=True))
        if bias:
            self.weights.append(Weight(f"{name}.bias", outputs * copies))

    def plain(self, name: str, count: int) -> None:
        """Parameters that no quantization shrinks."""
        if count:
            self.weights.append(Weight(name, count))

    def under(self, prefix: str, weights: Iterable[Weight]) -> None:
        """`weights`, their names below `prefix`."""
        self.weights.extend(replace(w, name=f"{prefix}.{w.name}") for w in weights)
