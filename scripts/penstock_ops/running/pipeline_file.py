"""A pipeline from a file: YAML or JSON, checked as the deployment will."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.errors import BadMessage
from penstock.messages.strict_json import canonical, decode_object
from penstock.runs.definition import Definition
from penstock_ops.terminal.faults import Misuse


def read_pipeline(path: Path) -> tuple[Mapping[str, Any], Definition]:
    """The definition as it is published, and as it runs. Raises Misuse."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misuse(f"{path} cannot be read ({error.strerror}).") from None
    body = _json(path, data) if path.suffix.lower() == ".json" else _yaml(path, data)
    try:
        return body, Definition.of(body)
    except BadMessage as error:
        raise Misuse(f"{path}: {error}") from None


def _json(path: Path, data: bytes) -> Mapping[str, Any]:
    try:
        return decode_object(data)
    except BadMessage as error:
        raise Misuse(f"{path}: {str(error).replace('The message data', 'The file')}") from None


def _yaml(path: Path, data: bytes) -> Mapping[str, Any]:
    """What JSON can hold, and nothing else that YAML can: no dates, no cycles, no keys but texts."""
    try:
        import yaml  # type: ignore[import-untyped]  # it publishes no types
    except ModuleNotFoundError:
        raise Misuse(
            "Reading YAML needs pyyaml (pip install 'penstock[cli]'); or write it as .json."
        ) from None
    try:
        value = yaml.safe_load(data)
        return _json(path, canonical(value))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise Misuse(f"{path} is not YAML{where}.") from None
    except RecursionError:
        raise Misuse(f"{path} refers to itself: a pipeline is a list of steps, without cycles.") from None
    except (ValueError, TypeError) as error:
        why = "it refers to itself" if "Circular" in str(error) else "something in it is no JSON value"
        raise Misuse(f"{path}: {why}; a text such as a date needs quotes.") from None
