"""Whether a similar answer would have been wrong: what is written down, who is asked, and what is counted.

Verifier and judge are asked by ordinary requests of the same tenant, so that they are paid at most once, held
by budgets and limits, and go by the lanes of their route. What their confirmations add lands once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from penstock.errors import Reason
from penstock.messages.audited import JUDGE, PLANTED, VERIFY, audit_attribute
from penstock.messages.pin import pin
from penstock.messages.strict_json import canonical
from penstock.paths import audit_of_similar_path, evidence_path, request_path
from penstock.ports import Increment, Merge, Put, Write
from penstock.requests.record import Record
from penstock.services import Services
from penstock.similar.compared import differ
from penstock.similar.evidence import Way, counted
from penstock.similar.lookup import LONGEST, Look
from penstock.similar.questions import judging, says_yes, verifying

#: What a verifier and a judge may wait for, in seconds: as long as any lane takes.
_WAIT_S: Final = 86_400
#: What the results of their requests say, as the comparison that pinned them and in their metadata.
ORIGIN: Final = "similar"


def case_of(look: Look, record: Record) -> dict[str, Any] | None:
    """What is written down of a look, in the terminal `record`; None: nothing is to be judged, or counted."""
    found, result = look.candidate, record.result
    if found is None or result is None or not (look.judge or look.given):
        return None
    case = {
        "way": asdict(look.way), "cosine": found.cosine, "key": found.entry.key, "source": found.entry.source,
        "at": found.path, "given": look.given,
    }  # fmt: skip
    if look.given:
        return case
    if result["status"] != "completed":
        refused = result["error"]["reason"] == Reason.CONTENT_REFUSED
        return case | {"wrong": True} if refused else None
    wrong = _differs(look, result)
    asked = {"question": look.question, "stored": found.entry.question, "answer": found.text}
    return case | asked | ({} if wrong is None else {"wrong": wrong})


def _differs(look: Look, result: Mapping[str, Any]) -> bool | None:
    """Without a judge, and where one could not read the answer, only an equal one is right."""
    text = (result["completion"] or {}).get("text")
    if text is None or len(text) > LONGEST or look.candidate is None:
        return True
    differs = differ(look.params, text, look.candidate.text)
    return True if differs is None and not look.way.judge else differs


def way_in(case: Mapping[str, Any]) -> Way:
    return Way(**{name: str(case["way"].get(name, "")) for name in Way.__slots__})


def confirmed(record: Record) -> list[Write]:
    """What the confirmation of `record` adds to the evidence."""
    if record.similar is not None:
        return _of_a_case(record, record.similar)
    if record.judges is not None:
        return _of_a_judge(record, record.judges)
    return []


def _of_a_case(record: Record, case: Mapping[str, Any]) -> list[Write]:
    way = way_in(case)
    if case["given"]:
        return [Merge(evidence_path(record.tenant, way.name), asdict(way) | {"hits": Increment(1)})]
    if way.verifier or "wrong" not in case:
        return []
    return _count(record.tenant, record.request_id, way, case, wrong=case["wrong"])


def _of_a_judge(record: Record, audit: Mapping[str, Any]) -> list[Write]:
    way, wrong = way_in(audit), _verdict(record, audit)
    if wrong is None:
        return []
    if audit["step"] == PLANTED:
        tried = {"planted": Increment(1)} | ({} if wrong else {"missed": Increment(1)})
        return [Merge(evidence_path(record.tenant, way.name), asdict(way) | tried)]
    return _count(record.tenant, audit["of"], way, audit, wrong=wrong)


def _verdict(record: Record, audit: Mapping[str, Any]) -> bool | None:
    """Whether the answer would have been wrong, by what `record` was answered; None: nothing is counted."""
    result = record.result or {}
    yes = record.completed and says_yes(result["completion"])
    if audit["step"] == VERIFY:
        return audit.get("wrong") if yes else None
    if record.completed:
        return not yes  # garbage says nothing in its favour
    refused = result["error"]["reason"] in (Reason.CONTENT_REFUSED, Reason.PROVIDER_REJECTED)
    return True if refused and audit["step"] == JUDGE else None


def _count(tenant: str, of: str, way: Way, case: Mapping[str, Any], *, wrong: bool) -> list[Write]:
    audit = {"way": way.name, "cosine": case["cosine"], "wrong": wrong}
    return [Put(audit_of_similar_path(tenant, of), audit), counted(tenant, way, case["cosine"], wrong=wrong)]


def first_question(s: Services, record: Record) -> tuple[bytes, dict[str, str]] | None:
    """What is to be asked of the case that `record` holds, by its message; None: nothing."""
    case = record.similar
    if case is None or case["given"] or "question" not in case:
        return None
    if way_in(case).verifier:
        return _message(s, record, case, VERIFY, verifying(case["question"], case["stored"]))
    return None if "wrong" in case else _judged(s, record, case)


async def next_question(s: Services, record: Record) -> tuple[bytes, dict[str, str]] | None:
    """What is to be asked once `record`, a verifier's, has said yes; None: nothing. Raises StoreError."""
    audit, result = record.judges or {}, record.result or {}
    if audit.get("step") != VERIFY or "wrong" in audit:
        return None
    if not (record.completed and says_yes(result["completion"])):
        return None
    [found] = await s.store.read([request_path(record.tenant, audit["of"])], timeout_s=s.timing.read_s)
    asked = Record.decode(found.fields) if found.fields is not None else None
    if asked is None or asked.similar is None or "question" not in asked.similar:
        return None
    return _judged(s, asked, asked.similar)


def _judged(s: Services, record: Record, case: Mapping[str, Any]) -> tuple[bytes, dict[str, str]] | None:
    completion = (record.result or {}).get("completion")
    if completion is None:
        return None
    return _message(s, record, case, JUDGE, judging(case["question"], completion["text"], case["answer"]))


def _message(
    s: Services, record: Record, case: Mapping[str, Any], step: str, asking: Mapping[str, Any]
) -> tuple[bytes, dict[str, str]] | None:
    """None: this deployment has nobody any more who is to be asked."""
    route = s.routes.routes.get(way_in(case).route)
    similar = route.similar if route is not None else None
    name = None if similar is None else similar.verifier if step == VERIFY else similar.judge
    if name is None:
        return None
    audit = {"step": step, "of": record.request_id, "way": dict(case["way"]), "cosine": case["cosine"]}
    audit |= {"wrong": case["wrong"]} if "wrong" in case else {}
    life = f"{record.tenant}/{record.request_id}/{record.created_at.isoformat()}"
    return audit_message(s, record.tenant, name, life, audit, asking)


def audit_message(
    s: Services, tenant: str, name: str, life: str, audit: Mapping[str, Any], asking: Mapping[str, Any]
) -> tuple[bytes, dict[str, str]]:
    """The request by which `name`, a target or a route, is asked; of one `life` always the same."""
    digest = hashlib.sha256(f"{life}/{audit['step']}".encode()).hexdigest()[:24]
    body = {
        "request_id": f"similar-{audit['step']}-{digest}", "tenant": tenant, **asking, "max_wait_s": _WAIT_S,
        "metadata": {"origin": ORIGIN, "of": audit["of"]},
    }  # fmt: skip
    if name in s.routes.targets:
        return canonical(body), audit_attribute(audit) | pin(name, ORIGIN)
    return canonical(body | {"model": name}), audit_attribute(audit)
