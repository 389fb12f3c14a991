"""Fields that leave a conversation before it is given away: members of JSON texts, and names. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from typing import Any


def without(message: Mapping[str, Any], drop: Set[str]) -> dict[str, Any]:
    """`message` without its members that are named in `drop`, and its texts without such members wherever
    they are JSON. A text that is no JSON is left as it is: nobody can tell a name in a sentence."""
    if not drop:
        return dict(message)
    kept = {name: value for name, value in message.items() if name not in drop}
    content = kept.get("content")
    if isinstance(content, str):
        kept["content"] = text_without(content, drop)
    elif content is not None:
        kept["content"] = [_part(part, drop) for part in content]
    return kept


def _part(part: Mapping[str, Any], drop: Set[str]) -> Mapping[str, Any]:
    return {**part, "text": text_without(part["text"], drop)} if "text" in part else part


def text_without(text: str, drop: Set[str]) -> str:
    """`text`, if it is a JSON object or list, without the members that are named in `drop`, at any depth."""
    if not drop or text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        value = json.loads(text)
        left = _left(value, drop)
    except (ValueError, RecursionError):
        return text
    return text if left == value else json.dumps(left, ensure_ascii=False)


def _left(value: Any, drop: Set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _left(each, drop) for name, each in value.items() if name not in drop}
    return [_left(each, drop) for each in value] if isinstance(value, list) else value
