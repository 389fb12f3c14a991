"""Which modules of a quantized checkpoint stay at 16 bit, by the names that its config lists.

Lists come in three writings: names or parts of names (`lm_head`, `model.layers.0.mlp.gate`), shell
patterns (`model.layers.*.self_attn`), and `re:` with a regular expression. A name that fits
nothing in the model is refused: what it keeps at 16 bit is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from penstock_ops.tune.anatomy.parts import Weight
from penstock_ops.tune.faults import TuneFault

#: What stands before a module's name, by how the checkpoint wraps the language model.
_PREFIXES = (
    "", "model.", "model.language_model.", "language_model.model.", "language_model.", "model.text_model.",
    "text_model.", "backbone.", "transformer.", "model.decoder.",
)  # fmt: skip
#: Modules that are not counted at all (further-token layers) or never quantized: naming them changes nothing.
_HARMLESS = re.compile(
    r"norm|mtp|rotary|embed|lm_head|vision|visual|audio|multi_modal|conv1d|router|gate$|A_log|bias$"
)
_OF_ONE_EXPERT = re.compile(r"experts[.\\]+\d")


def keep_at_16_bit(weights: Iterable[Weight], patterns: tuple[str, ...], layers: int) -> set[str]:
    """Names of the weights that `patterns` keep; TuneFault for a pattern that fits none."""
    names = {w.name: w.name for w in weights}
    aliases = {prefix + name: name for name in names for prefix in _PREFIXES}
    kept: set[str] = set()
    for pattern in dict.fromkeys(patterns):
        if _OF_ONE_EXPERT.search(pattern):
            raise TuneFault(
                f"the checkpoint keeps single experts unquantized ({pattern}); that is not computed here"
            )
        found = _fitting(_bare(pattern), names) if not pattern.startswith("re:") else set()
        if not found and ("*" in pattern or pattern.startswith("re:")):
            found = _fitting(pattern, aliases)
        if not found and not _may_be_absent(pattern, layers):
            raise TuneFault(
                f"the checkpoint keeps {pattern!r} unquantized, which names no module known here, "
                "so its size is not computed; use measure on a running engine"
            )
        kept |= found
    return kept


def _bare(pattern: str) -> str:
    """A plain name without what stands before the language model's own."""
    longest = max((prefix for prefix in _PREFIXES if pattern.startswith(prefix)), key=len)
    return pattern.removeprefix(longest)


def _fitting(pattern: str, aliases: dict[str, str]) -> set[str]:
    if pattern in aliases:
        return {aliases[pattern]}
    fits = _test(pattern)
    return {name for alias, name in aliases.items() if fits(alias)}


def _test(pattern: str) -> Callable[[str], bool]:
    if pattern.startswith("re:"):
        try:
            expression = re.compile(pattern.removeprefix("re:"))
        except re.error:
            raise TuneFault(
                f"the checkpoint keeps {pattern!r} unquantized, which is no regular expression"
            ) from None
        return lambda alias: expression.match(alias) is not None
    if "*" in pattern:
        return lambda alias: fnmatchcase(alias, pattern) or fnmatchcase(alias, f"{pattern}.*")
    whole = re.compile(rf"(^|\.){re.escape(pattern.strip('.'))}(\.|$)")
    return lambda alias: whole.search(alias) is not None


def _may_be_absent(pattern: str, layers: int) -> bool:
    numbered = re.search(r"layers\.(\d+)", pattern)
    return bool(_HARMLESS.search(pattern)) or (numbered is not None and int(numbered[1]) >= layers)
