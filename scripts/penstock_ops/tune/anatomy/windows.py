"""Which layers keep every token and which only the last ones."""

from __future__ import annotations

from collections.abc import Callable

from penstock_ops.tune.anatomy.fields import Fields

#: The window of each layer; None: the layer keeps every token.
Windows = list[int | None]
Rule = Callable[[Fields, int], Windows]


def full(c: Fields, layers: int) -> Windows:
    """Every layer keeps every token, unless `layer_types` says otherwise."""
    return _stated(c, layers, None) or [None] * layers


def everywhere(default: int | None) -> Rule:
    """`sliding_window` holds in every layer (`default` where it is left out, none where it is null)."""

    def rule(c: Fields, layers: int) -> Windows:
        window = _window(c, default)
        return _stated(c, layers, window) or [window] * layers

    return rule


def every_nth_full(nth: int, default: int | None, *names: str) -> Rule:
    """All but every `nth` layer slide; a field of `names` may state another nth."""

    def rule(c: Fields, layers: int) -> Windows:
        window = _window(c, default)
        step = next((found for name in names if (found := _step(c, name))), nth)
        return _stated(c, layers, window) or [None if (i + 1) % step == 0 else window for i in range(layers)]

    return rule


def _step(c: Fields, name: str) -> int | None:
    """A number, or letters that spell one round: L for a sliding layer, G for a full one behind them."""
    if not c.is_word(name):
        return c.some(name)
    spelt = c.word(name) or ""
    if spelt != "L" * (len(spelt) - 1) + "G":
        raise c.fault(f"{name} {spelt!r} is no round of sliding layers and a full one behind them")
    return len(spelt)


def if_switched_on(c: Fields, layers: int) -> Windows:
    """Qwen's rule: `use_sliding_window` lets the layers from `max_window_layers` on slide."""
    switched, window = c.flag("use_sliding_window"), c.some("sliding_window")
    first = 28 if c.missing("max_window_layers") else c.some("max_window_layers") or 0
    sliding = window if switched else None
    return _stated(c, layers, sliding) or [sliding if i >= first else None for i in range(layers)]


def never_switched_on(c: Fields, layers: int) -> Windows:
    """Families whose classes and engines differ on which layers `use_sliding_window` lets slide."""
    c.only("use_sliding_window", False)
    c.passed_over("sliding_window", "max_window_layers")
    return full(c, layers)


def _window(c: Fields, default: int | None) -> int | None:
    """Left out: the family's default; null: no window."""
    if c.missing("sliding_window"):
        return default
    return c.count("sliding_window") if c.has("sliding_window") else None


def _stated(c: Fields, layers: int, window: int | None) -> Windows | None:
    kinds = layer_kinds(c, layers)
    return None if kinds is None else [_kept(c, kind, window) for kind in kinds]


def layer_kinds(c: Fields, layers: int, name: str = "layer_types") -> list[str] | None:
    """`layer_types`, one word for each layer, or None where it is left out."""
    kinds = c.words(name)
    if kinds is not None and len(kinds) != layers:
        raise c.fault(f"{name} names {len(kinds)} layers, num_hidden_layers is {layers}")
    return kinds


def _kept(c: Fields, kind: str, window: int | None) -> int | None:
    if kind in ("full_attention", "attention"):
        return None
    if kind == "sliding_attention" and window:
        return window
    raise c.fault(f"layer_types has {kind!r}, which this family's formula does not know")
