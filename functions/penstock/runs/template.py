"""Templates: `{{dotted.path}}` in a text, and nothing else (docs/runs.md).

A text is gone through once: what a value brings in is never looked at again, so no item can reach another
field. There is no expression, no default and no loop; a path that leads nowhere fails the member that asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.messages.strict_json import canonical

#: A name, then names or numbers of list entries.
_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}(?:\.[A-Za-z0-9_-]{1,64}){0,15}")
_HOLE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_OPEN: Final = "{{"


class TemplateFault(Exception):
    """A text is no template; `str(error)` goes on after the text's place, and quotes nothing but paths."""


class MissingPath(Exception):
    """A path leads nowhere in this member's values; `str(error)` is the path."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text in pieces: `texts[0]`, the value at `paths[0]`, `texts[1]`, …"""

    texts: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, text: str, roots: Iterable[str]) -> Template:
        """The template of `text`, whose paths may begin with `roots`. Raises TemplateFault."""
        pieces = _HOLE.split(text)
        texts, holes = pieces[::2], pieces[1::2]
        if any(_OPEN in piece for piece in texts):
            raise TemplateFault("has a {{ that no }} closes")
        return cls(tuple(texts), tuple(_path(hole, tuple(roots)) for hole in holes))

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with its values. Raises MissingPath."""
        filled = [self.texts[0]]
        for path, text in zip(self.paths, self.texts[1:], strict=True):
            filled += (shown(look_up(values, path), ".".join(path)), text)
        return "".join(filled)


def look_up(values: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at `path`. It may go on into a text that is JSON: an answer often is. Raises MissingPath."""
    found: Any = values
    for step in path:
        found = _step(found, step)
        if found is None:
            raise MissingPath(".".join(path))
    return found


def shown(value: Any, path: str) -> str:
    """A value as a template shows it: a text as it is, everything else as JSON."""
    try:
        return (value.encode() if isinstance(value, str) else canonical(value)).decode()
    except ValueError:
        raise MissingPath(path) from None


def _path(hole: str, roots: tuple[str, ...]) -> tuple[str, ...]:
    path = hole.strip()
    if not _PATH.fullmatch(path):
        raise TemplateFault("has a {{…}} that is no dotted path such as {{item.text}}")
    root, *rest = path.split(".")
    if root not in roots:
        raise TemplateFault(f"names {{{{{path}}}}}: a path here begins with {' or '.join(roots)}")
    return (root, *rest)


def _step(value: Any, name: str) -> Any:
    """One step down; None where it leads nowhere."""
    if isinstance(value, str):
        value = _json(value)
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list) and name.isdecimal() and len(name) <= 9 and int(name) < len(value):
        return value[int(name)]
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
