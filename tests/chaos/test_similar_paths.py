"""The paths of similar answers go where their names say, and their checker sees what must not be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.matrix import SIMILAR_PATHS, Path, steps
from tests.chaos.similar_checker import similar_violations

_CACHES = {
    "similar given": ["miss", "similar"],
    "similar and verified": ["miss", "similar"],
    "similar and refused": ["miss", "miss"],
    "similar and judged": ["miss", "miss"],
    "similar under a budget": ["miss", "similar"],
}


@pytest.mark.parametrize("path", SIMILAR_PATHS, ids=lambda path: path.name)
def test_a_clean_run_of_each_ends_as_its_name_says(path: Path) -> None:
    _, evidence = steps(path, "alone")
    asked = {name: evidence.documents[f"tenants/default/requests/{name}"] for name in ("r0", "r1")}
    caches = [asked[name]["result"]["cache"] for name in ("r0", "r1")]
    assert caches == _CACHES.get(path.name, caches)
    if path.name == "similar and judged":
        assert [fields["wrong"] for p, fields in evidence.documents.items() if "/audits/" in p] == [True]
    assert list(similar_violations(evidence)) == []


def _with(path: str, **fields: Any) -> list[str]:
    """What the checker says of a clean run in which that document was another."""
    [given] = [path for path in SIMILAR_PATHS if path.name == "similar given"]
    _, evidence = steps(given, "alone")
    [at] = [name for name in evidence.documents if name.startswith(f"tenants/default/{path}")]
    documents = {**evidence.documents, at: {**evidence.documents[at], **fields}}
    return list(similar_violations(replace(evidence, documents=documents)))


def test_the_checker_sees_what_must_not_be() -> None:
    assert any("others find" in said for said in _with("requests/r1", answer_key="k"))
    assert any("became a source" in said for said in _with("similar/", source="r1"))
    assert any("has no answer" in said for said in _with("similar/", key="other"))
    assert any("counts 201 judged" in said or "judged" in said for said in _with("evidence/", n0=201))
    assert any("answers given" in said for said in _with("evidence/", hits=7))
    source = {"result": {"cache": "hit", "completion": {"text": "t|a|q|x"}}, "state": "terminal"}
    said = _with("requests/r0", **source)
    assert any("not that of its source" in one for one in said)
