"""The checker of budgets on real processes: sound evidence passes, and whoever tampers with it is caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.processes.money.check import Looked, MoneyEvidence, money_wrong

_ACCOUNT, _ALLOTMENT = "accounts/all~2026-11", "allotments/one"


def _result(request_id: str, charged: float, unsure: float = 0.0, redrive_count: int = 0) -> dict[str, Any]:
    budget = {"held_usd": 0.1, "charged_usd": charged, "unsure_usd": unsure}
    named = {"tenant": "acme", "request_id": request_id, "redrive_count": redrive_count}
    return {**named, "cost": {"budget": budget}}


def _sound() -> MoneyEvidence:
    """Two requests: one was paid 3, the other timed out in its first life, and was paid 2 in its second."""
    results = [_result("r1", 3e-9), _result("r2", 1e-8, 1e-8), _result("r2", 2e-9, redrive_count=1)]
    documents: dict[str, dict[str, Any]] = {
        _ACCOUNT: {"granted": 20, "returned": 5},
        _ALLOTMENT: {"granted": 20, "returned": 5, "closed": 5, "accounts": [_ACCOUNT]},
        f"{_ALLOTMENT}/drawn/0": {"nano": 15},
        "tenants/acme/requests/r1": {"result": results[0]},
    }
    looked = [Looked("at rest", 9, 12)]
    bills = {("acme", "r1"): 3, ("acme", "r2"): 6}
    return MoneyEvidence(looked, 9, bills, results, documents, at_rest=True)


def _overspent(evidence: MoneyEvidence) -> None:
    evidence.looked.append(Looked("after the budget was lowered", 9, 8))


def _receipt_too_small(evidence: MoneyEvidence) -> None:
    evidence.results[0]["cost"]["budget"]["charged_usd"] = 2e-9


def _receipt_too_large(evidence: MoneyEvidence) -> None:
    evidence.results[0]["cost"]["budget"]["charged_usd"] = 2e-8


def _charged_without_a_receipt(evidence: MoneyEvidence) -> None:
    _set(evidence, f"{_ALLOTMENT}/drawn/0", nano=16)


def _more_unsure_than_charged(evidence: MoneyEvidence) -> None:
    evidence.results[0]["cost"]["budget"]["unsure_usd"] = 4e-9


def _a_hold_leaked(evidence: MoneyEvidence) -> None:
    _set(evidence, "tenants/acme/requests/r1", holding="one")


def _not_closed(evidence: MoneyEvidence) -> None:
    del evidence.documents[_ALLOTMENT]["closed"]  # type: ignore[attr-defined]


def _not_returned(evidence: MoneyEvidence) -> None:
    _set(evidence, _ACCOUNT, returned=4)


def _returned_twice(evidence: MoneyEvidence) -> None:
    _set(evidence, _ACCOUNT, returned=10)


def _not_counted(evidence: MoneyEvidence) -> None:
    evidence.billed = 16


def _never_at_rest(evidence: MoneyEvidence) -> None:
    evidence.at_rest = False


def _never_answered(evidence: MoneyEvidence) -> None:
    evidence.unfinished = ["tenants/acme/requests/r1"]


def _crashed(evidence: MoneyEvidence) -> None:
    evidence.crashes = ["budget.failed"]


def _set(evidence: MoneyEvidence, path: str, **fields: Any) -> None:
    evidence.documents[path].update(fields)  # type: ignore[attr-defined]


_TAMPERED: list[tuple[Callable[[MoneyEvidence], None], str]] = [
    (_overspent, "at most 8 may be"),
    (_receipt_too_small, "its receipts say 2"),
    (_receipt_too_large, "all receipts say 32"),
    (_charged_without_a_receipt, "were charged 16 nano-dollars; all receipts say 15"),
    (_more_unsure_than_charged, "are unsure"),
    (_a_hold_leaked, "still holds money"),
    (_not_closed, "not closed"),
    (_not_returned, "16 nano-dollars are counted, 15 were charged"),
    (_returned_twice, "10 nano-dollars are counted, 15 were charged"),
    (_not_counted, "16 were really paid"),
    (_never_at_rest, "did not come to rest"),
    (_never_answered, "not answered"),
    (_crashed, "a crash"),
]


def test_sound_evidence_passes() -> None:
    assert money_wrong(_sound()) == []


@pytest.mark.parametrize(("tamper", "said"), _TAMPERED)
def test_whoever_tampers_is_caught(tamper: Callable[[MoneyEvidence], None], said: str) -> None:
    evidence = _sound()
    tamper(evidence)
    assert any(said in sentence for sentence in money_wrong(evidence)), money_wrong(evidence)
