"""A config.json read field by field, so that no field is passed over in silence.

A formula asks for what it knows; whatever the config holds beside that and beside the fields that
never change a size is a layout the formula does not know, and is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_ops.tune.anatomy.inert import is_inert
from penstock_ops.tune.faults import TuneFault

#: Largest count of anything that a model has; above it a config is broken, not large.
MOST = 10**9
#: The same of what is computed one by one: seven times the layers of the deepest model (Llama 3.1 405B: 126).
_MOST_LAYERS = 1_000


class Fields:
    """One object of a config. Missing fields take the family's default, as its own class does."""

    def __init__(
        self, config: Mapping[str, Any], where: str = "the model's config", nested: bool = False
    ) -> None:
        self._config, self._where, self._nested = config, where, nested
        self._read: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the field is there with a value."""
        return self._take(name) is not None

    def missing(self, name: str) -> bool:
        """Whether the field is left out; null is a value here."""
        self._read.add(name)
        return name not in self._config

    def is_null(self, name: str) -> bool:
        """Whether the field is there without a value."""
        return not self.missing(name) and self._config[name] is None

    def require(self, *names: str) -> None:
        """TuneFault that names every field of these which has no value."""
        missing = [name for name in names if not self.has(name)]
        if missing:
            raise TuneFault(f"{self._where} lacks {', '.join(missing)}; the sizes cannot be computed")

    def count(self, name: str, default: int | None = None) -> int:
        """A positive whole number; `default` where it is left out (null is none), TuneFault without one."""
        if default is not None and self.missing(name):
            return default
        self.require(name)
        return self._positive(name, self._take(name))

    def size(self, name: str, default: int | None = None) -> int:
        """A size that every whole config states; only a nested one may leave it to its class's default."""
        return self.count(name, default if self._nested else None)

    def require_sizes(self, defaults: Mapping[str, int | None]) -> None:
        """TuneFault that names every size which is missing and has no default to stand for it."""
        self.require(*(name for name, default in defaults.items() if default is None or not self._nested))

    def some(self, name: str) -> int | None:
        """A positive whole number, or None where the field is left out, null, zero or false."""
        value = self._take(name)
        return None if value in (None, 0) and not isinstance(value, str) else self._positive(name, value)

    def whole(self, name: str) -> int | None:
        """A whole number of either sign, or None."""
        value = self._take(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self.fault(f"{name} must be a whole number, not {value!r}")
        return value

    def share(self, name: str, default: float) -> float:
        """A positive number that multiplies a size."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < MOST:
            raise self.fault(f"{name} must be a positive number, not {value!r}")
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """A switch; null is off, as the classes read it."""
        if self.missing(name):
            return default
        value = self._take(name)
        if value is not None and not isinstance(value, bool):
            raise self.fault(f"{name} must be true or false, not {value!r}")
        return bool(value)

    def numbers(self, name: str) -> list[int] | None:
        """A list of whole numbers (layer indices, layer sizes), or None."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, int) for v in value):
            raise self.fault(f"{name} must be a list of whole numbers")
        return list(value)

    def words(self, name: str) -> list[str] | None:
        """A list of words (a kind for each layer), or None."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, list) or any(not isinstance(v, str) for v in value):
            raise self.fault(f"{name} must be a list of words")
        return list(value)

    def word(self, name: str) -> str | None:
        """A word, or None."""
        value = self._take(name)
        if value is not None and not isinstance(value, str):
            raise self.fault(f"{name} must be a word, not {value!r}")
        return value

    def word_is(self, name: str, word: str) -> bool:
        """Whether the field holds this word instead of a number."""
        return bool(self._take(name) == word)

    def is_word(self, name: str) -> bool:
        """Whether the field holds a word where others have a number."""
        return isinstance(self._take(name), str)

    def is_list(self, name: str) -> bool:
        """Whether the field holds a list where others have one number."""
        return isinstance(self._take(name), list)

    def inner(self, name: str) -> dict[str, Any] | None:
        """A nested object, or None."""
        value = self._take(name)
        if value is not None and not isinstance(value, dict):
            raise self.fault(f"{name} must be an object")
        return value

    def only(self, name: str, *known: Any) -> None:
        """Refuse another value than the `known` ones: the formula holds for these alone."""
        value = self._take(name)
        if value is not None and value not in known:
            raise self.fault(
                f"{name} {value!r} changes the model's layout in a way that is not computed here"
            )

    def passed_over(self, *names: str) -> None:
        """Fields that the family has and that change no size in it."""
        self._read.update(names)

    def refuse_the_rest(self) -> None:
        """TuneFault that names every field which was neither read nor is known to change no size."""
        rest = [
            name
            for name, value in self._config.items()
            if name not in self._read and value not in (None, False) and not is_inert(name)
        ]
        if rest:
            some = ", ".join(sorted(rest)[:6]) + (" and others" if len(rest) > 6 else "")
            raise self.fault(f"what {some} means for the sizes is not known here")

    def fault(self, what: str) -> TuneFault:
        """What is not computed, and the way on."""
        return TuneFault(f"{self._where}: {what}; use measure on a running engine")

    def _take(self, name: str) -> Any:
        self._read.add(name)
        return self._config.get(name)

    def _positive(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < MOST:
            raise TuneFault(f"{name} in the model's config must be a positive whole number, not {value!r}")
        if value > _MOST_LAYERS and (name == "depth" or name.endswith(("layer", "layers"))):
            raise TuneFault(f"{name} in the model's config is {value}: no model has so many layers")
        return value
