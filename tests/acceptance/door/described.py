"""The part of OpenAI's published description that the door answers to."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # not typed there

#: The methods and paths of docs/door.md.
PATHS = {
    "/chat/completions": {"post"},
    "/responses": {"post"},
    "/responses/{response_id}": {"get", "delete"},
    "/responses/{response_id}/cancel": {"post"},
    "/files": {"get", "post"},
    "/files/{file_id}": {"get", "delete"},
    "/files/{file_id}/content": {"get"},
    "/uploads": {"post"},
    "/uploads/{upload_id}/parts": {"post"},
    "/uploads/{upload_id}/complete": {"post"},
    "/uploads/{upload_id}/cancel": {"post"},
    "/chat/completions/{completion_id}": {"get", "delete"},
    "/batches": {"get", "post"},
    "/batches/{batch_id}": {"get"},
    "/batches/{batch_id}/cancel": {"post"},
    "/models": {"get"},
    "/models/{model}": {"get"},
}
_BESIDE = frozenset({"parameters", "summary", "description"})


def described(file: Path) -> dict[str, Any]:
    """The description in `file` (YAML, perhaps compressed) with the door's addresses alone."""
    data = file.read_bytes()
    whole = yaml.load(gzip.decompress(data) if file.suffix == ".gz" else data, Loader=_loader())
    paths = {path: _kept(whole["paths"][path], methods) for path, methods in PATHS.items()}
    return json.loads(json.dumps({**whole, "paths": paths}, default=str))  # type: ignore[no-any-return]


def _kept(item: dict[str, Any], methods: set[str]) -> dict[str, Any]:
    kept = {name: part for name, part in item.items() if name in methods | _BESIDE}
    for method in methods & kept.keys():
        # It has there an error without its envelope, which OpenAI's own clients could not read.
        kept[method]["responses"].pop("404", None)
    content = kept.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
    if content.get("application/json", {}).get("schema") == {"type": "string"}:
        # It has a file's bytes as a string of JSON, which neither OpenAI answers nor its clients read.
        content["application/octet-stream"] = {"schema": {}}
    return kept


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
