"""What must hold of similar answers, whatever went wrong: whose they are, who inherits, what is counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.evidence import Evidence

_Fields = Mapping[str, Any]


def similar_violations(evidence: Evidence) -> Iterator[str]:
    """Every broken assertion of the similar answers of one run."""
    case = _Case(evidence)
    yield from case.given_answers_are_their_sources()
    yield from case.nobody_inherits()
    yield from case.questions_end_with_their_answers()
    yield from case.judgements_count_once()


class _Case:
    def __init__(self, evidence: Evidence) -> None:
        self._of: dict[str, dict[str, dict[str, _Fields]]] = defaultdict(lambda: defaultdict(dict))
        for path, fields in evidence.documents.items():
            parts = path.split("/")
            if parts[0] == "tenants" and len(parts) == 4:
                self._of[parts[1]][parts[2]][parts[3]] = fields

    def given_answers_are_their_sources(self) -> Iterator[str]:
        """The answer is what the source, of the same tenant, was answered by its own call; it was open."""
        for tenant, request_id, fields in self._given():
            result = fields["result"]
            source = self._of[tenant]["requests"].get(result["similar"]["source"])
            if source is None or source["result"]["completion"] != result["completion"]:
                yield f"{tenant}/{request_id}: its similar answer is not that of its source"
            elif source["result"]["cache"] != "miss":
                yield f"{tenant}/{request_id}: its source was answered by no call of its own"
            if not any("open" in way for way in self._of[tenant]["evidence"].values()):
                yield f"{tenant}/{request_id}: was given a similar answer, and nothing is open"
            if "answer_key" in fields:
                yield f"{tenant}/{request_id}: others find its similar answer by its key"

    def nobody_inherits(self) -> Iterator[str]:
        """Whatever the cache keeps is of the call of who led; nothing similar became a source."""
        for tenant, of in self._of.items():
            given = {request_id for owner, request_id, _ in self._given() if owner == tenant}
            for fields in of["similar"].values():
                if fields["source"] in given:
                    yield f"{tenant}: a similar answer became a source"
            keys: dict[str, set[str]] = defaultdict(set)
            for fields in of["requests"].values():
                if fields["state"] == "terminal" and fields.get("answer_key") and _text(fields["result"]):
                    keys[fields["answer_key"]].add(_asked(_text(fields["result"])))
            for key, cached in of["cache"].items():
                said = ((cached.get("answer") or {}).get("completion") or {}).get("text", "")
                if said and key in keys and _asked(said) not in keys[key]:
                    yield f"{tenant}: the cache keeps another question's answer under {key[:8]}"

    def questions_end_with_their_answers(self) -> Iterator[str]:
        for tenant, of in self._of.items():
            for place, fields in of["similar"].items():
                cached = of["cache"].get(fields["key"])
                if cached is None or "answer" not in cached:
                    yield f"{tenant}: the question {place} has no answer in the cache"
                elif fields["expires_at"] > cached["expires_at"]:
                    yield f"{tenant}: the question {place} outlives its answer"

    def judgements_count_once(self) -> Iterator[str]:
        for tenant, of in self._of.items():
            audits = list(of["audits"].values())
            given = {request_id for owner, request_id, _ in self._given() if owner == tenant}
            if wrongly := given & of["audits"].keys():
                yield f"{tenant}: {sorted(wrongly)} were given and judged"
            for name, way in of["evidence"].items():
                ours = [audit for audit in audits if audit["way"] == name]
                n, k = (way.get(c, 0) - way.get(f"seeded_{c}", 0) for c in ("n0", "k0"))
                wrong = sum(audit["wrong"] for audit in ours)
                if (n, k) != (len(ours), wrong):
                    yield f"{tenant}: counts {n} judged, {k} wrong; there were {len(ours)}, {wrong}"
                hits = way.get("hits", 0) - way.get("seeded_hits", 0)
                confirmed = sum(
                    "confirmed_at" in fields for owner, _, fields in self._given() if owner == tenant
                )
                if "seeded_hits" in way and hits != confirmed:
                    yield f"{tenant}: counts {hits} answers given, there were {confirmed}"

    def _given(self) -> Iterator[tuple[str, str, _Fields]]:
        for tenant, of in self._of.items():
            for request_id, fields in of["requests"].items():
                if (fields.get("result") or {}).get("cache") == "similar":
                    yield tenant, request_id, fields


def _text(result: _Fields) -> str:
    return str((result.get("completion") or {}).get("text") or "")


def _asked(text: str) -> str:
    """Tenant, target and question that a simulated answer tells."""
    return "|".join(text.split("|")[:3])
